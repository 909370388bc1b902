from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from judge import judge, read_folder
from workers import count_one, raise_limited, take

import tidegate
from tidegate import Limiter, Rate

EXAMPLES = Path(__file__).parents[1] / "examples"
METHODS = ["fork", "spawn", "forkserver"]


@pytest.fixture
def peer() -> str:
    """The worker in Rust, which the test command builds."""
    return os.environ["TIDEGATE_PEER"]


@pytest.mark.parametrize("method", METHODS)
def test_a_pools_workers_share_one_limit_however_they_are_started(name: str, method: str) -> None:
    limiter = Limiter.shared(name, "10/h")
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        answers = list(pool.map(count_one, [limiter] * 40))
        assert sum(granted for _, granted in answers) == limiter.count() == 10
        assert os.getpid() not in Counter(pid for pid, _ in answers)
        with pytest.raises(tidegate.Limited) as refused:
            pool.submit(raise_limited, limiter).result()
    assert refused.value.rate == Rate.per_hour(10) and refused.value.retry_after > 3000


def test_a_handle_survives_a_fork_in_both_processes(name: str) -> None:
    limiter = Limiter.shared(name, "10/h")
    assert limiter.try_acquire()
    place = Limiter.shared(name, adopt=True).reserve(weight=2)
    child = os.fork()
    if child == 0:
        granted = limiter.try_acquire(weight=3, blocking=False)
        del place  # It is the parent's.
        os._exit(0 if granted else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert limiter.count() == 1 + 2 + 3
    place.cancel()
    assert limiter.count() == 1 + 3


def test_rust_and_python_share_one_bucket(name: str, peer: str, tmp_path: Path) -> None:
    limiter = Limiter.shared(name, [Rate(20, 100)])
    rust = subprocess.Popen([peer, name, tmp_path / "rust", "1", "2"])
    take(limiter, tmp_path / "python", 2, 2)
    assert rust.wait(60) == 0
    grants = read_folder(tmp_path)
    workers = Counter(grant.worker for grant in grants)
    assert judge(grants, [(20, 100_000)]) == [20]
    assert workers[1] > 20 and workers[2] > 20, workers


def test_no_window_is_over_while_workers_in_python_and_rust_are_killed(
    name: str, peer: str, tmp_path: Path
) -> None:
    """Eight in Python, forked and spawned, and two in Rust; half of them are killed."""
    seconds, rates = 5.0, [(30, 100_000), (200, 1_000_000)]
    limiter = Limiter.shared(name, [Rate(limit, us // 1000) for limit, us in rates])
    started: list[BaseProcess] = []
    numbers = iter(range(1000))

    def start(method: str, seconds: float) -> BaseProcess:
        number = next(numbers)
        process = multiprocessing.get_context(method).Process(
            target=take, args=(limiter, tmp_path / f"{number}", number, seconds), daemon=True
        )
        process.start()
        started.append(process)
        return process

    end = time.monotonic() + seconds
    rust = []
    for _ in range(2):
        number = next(numbers)
        log = tmp_path / f"{number}"
        rust.append(subprocess.Popen([peer, name, log, str(number), str(seconds)]))
    methods = ["fork", "spawn"] * 4
    workers = [start(method, seconds) for method in methods]
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 10 and time.monotonic() < deadline:
        time.sleep(0.05)
    kills = 0
    for index, method in enumerate(methods[:4]):
        time.sleep(0.25)
        victim = workers[index]
        if victim.is_alive() and victim.pid:
            os.kill(victim.pid, signal.SIGKILL)
            victim.join()
            kills += 1
            start(method, max(0.5, end - time.monotonic()))
    rust[0].kill()
    for process in started:
        process.join(60)
    rust[0].wait()
    assert rust[1].wait(60) == 0
    ended = [process.exitcode for process in started]
    assert ended.count(0) == len(started) - kills and ended.count(-signal.SIGKILL) == kills, ended
    assert kills == 4

    grants = read_folder(tmp_path)
    most = judge(grants, rates)
    survivors = [str(process.name) for process in started if process.exitcode == 0]
    seen = {grant.worker for grant in grants}
    assert len(seen) >= len(survivors) and most[0] > 25 and most[1] > 150, (seen, most)


def run(*arguments: object, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        timeout=120,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_example_of_a_pool_holds_its_limit(name: str) -> None:
    told = run(EXAMPLES / "pool.py", "--name", name, "--workers", 4, "--jobs", 60, "--rate", "20/s")
    assert "60 jobs in 4 processes; at most 20 of them in any second" in told


def test_the_example_of_a_crawl_holds_its_limit_over_all_processes(name: str) -> None:
    pytest.importorskip("httpx")
    told = run(EXAMPLES / "crawl.py", "--name", name, "--processes", 3, "--pages", 40)
    assert "40 pages by 3 processes; at most 20 of them in any second" in told


def test_a_waiting_process_that_ctrl_c_ends_gives_its_place_back(name: str) -> None:
    limiter = Limiter.shared(name, "1/h")
    limiter.acquire()
    waiter = subprocess.Popen(
        [sys.executable, "-c", f"import tidegate; tidegate.Limiter.shared({name!r}, '1/h').acquire()"],
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while limiter.queued() == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert limiter.queued() == 1
    waiter.send_signal(signal.SIGINT)
    _, told = waiter.communicate(timeout=60)
    assert b"KeyboardInterrupt" in told and waiter.returncode != 0
    assert limiter.queued() == 0


def test_another_interpreter_of_the_same_process_gets_a_clear_error() -> None:
    script = """
import sys, tidegate
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
other = interpreters.create()
code = "import sys; sys.path[:] = " + repr(sys.path) + '''
try:
    import tidegate
except ImportError as error:
    assert "subinterpreter" in str(error), error
    print("refused")
else:
    assert tidegate.Limiter("1/s").try_acquire()
    print("works")
'''
if hasattr(interpreters, "run_string"):
    interpreters.run_string(other, code)
else:
    interpreters.exec(other, code)
"""
    assert run("-c", script).strip() in ("refused", "works")
