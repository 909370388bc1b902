"""tidegate beside PyrateLimiter's buckets, in one run: calls per second, p99, CPU, worst window.

    pip install ./python 'pyrate-limiter[all]>=4' redis filelock
    python python/bench.py                  # 3 rounds; --quick for whether it works

Prints a table in Markdown. Contenders take turns in each round, and medians are told. Redis needs
redis-server on the path.

- *calls/s*: of all processes together, under a limit that none of them
  reaches; *p99* of each call's time.
- *CPU/grant*: of the workers, and of the server or manager that they ask, while all wait for their
  turn under 50 permits in 100 ms.
- *worst window*: the most grants that surely lie in one window of 100 ms then, where 50 are allowed:
  of each grant it is only known that it came between a bucket's being asked and its answer.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

import pyrate_limiter as pyrate
from pyrate_limiter.buckets.mp_bucket import MultiprocessBucket

import tidegate
from tidegate.pyrate import SharedMemoryBucket

WIDE = (200_000, 10)
NARROW = (50, 100)  # permits, milliseconds
_context = multiprocessing.get_context("fork")


class Contender(NamedTuple):
    """``share`` prepares in the parent, ``attach`` in a worker: a call that waits or does not, and
    the list of (before, after) of its grants, which is filled as it goes."""

    name: str
    share: Callable[[Path, tuple[int, int]], Any]
    attach: Callable[[Any], tuple[Callable[[], bool], list[tuple[int, int]]]]
    helper: Callable[[Any], int | None] = lambda shared: None


def micros() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def through_pyrate(bucket: pyrate.AbstractBucket) -> Any:
    """PyrateLimiter's ``Limiter`` over a bucket whose grants are logged."""
    grants: list[tuple[int, int]] = []
    put = bucket.put

    def logged(item: pyrate.RateItem) -> Any:
        before = micros()
        granted = put(item)
        if granted and len(grants) < 100_000:
            grants.append((before, micros()))
        return granted

    bucket.put = logged  # type: ignore[method-assign]
    limiter = pyrate.Limiter(bucket)
    return (lambda: bool(limiter.try_acquire("x"))), grants


def own(shared: tuple[str, tuple[int, int]]) -> Any:
    name, (limit, interval) = shared
    limiter = tidegate.Limiter.shared(name, tidegate.Rate(limit, interval))
    grants: list[tuple[int, int]] = []
    if limit == WIDE[0]:
        return (lambda: limiter.try_acquire("x")), grants

    def call() -> bool:
        at = round(limiter.acquire("x").at * 1e6)
        grants.append((at, at))
        return True

    return call, grants


def rates(shape: tuple[int, int]) -> list[pyrate.Rate]:
    return [pyrate.Rate(*shape)]


def segment(folder: Path, shape: tuple[int, int]) -> tuple[str, tuple[int, int]]:
    name = f"bench.{os.getpid()}"
    tidegate.remove(name)
    return name, shape


def sqlite(shared: tuple[str, tuple[int, int]]) -> Any:
    path, shape = shared
    return through_pyrate(
        pyrate.SQLiteBucket.init_from_file(rates(shape), db_path=path, use_file_lock=True)
    )


def redis(shared: tuple[str, int, tuple[int, int]]) -> Any:
    from redis import Redis

    socket, _, shape = shared
    client = Redis(unix_socket_path=socket)
    return through_pyrate(pyrate.RedisBucket.init(rates(shape), client, "bench"))


def manager_pid(bucket: MultiprocessBucket) -> int | None:
    return getattr(bucket.items._manager, "_process").pid  # type: ignore[attr-defined]


@contextlib.contextmanager
def redis_server() -> Iterator[tuple[str, int] | None]:
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/socket"
        command = [program, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while not os.path.exists(socket):
            time.sleep(0.02)
        try:
            yield socket, server.pid
        finally:
            server.terminate()
            server.wait()


def contenders(server: tuple[str, int] | None) -> list[Contender]:
    found = [
        Contender("**tidegate**", segment, own),
        Contender(
            "**tidegate**, through PyrateLimiter's `Limiter`",
            segment,
            lambda shared: through_pyrate(SharedMemoryBucket(rates(shared[1]), shared[0])),
        ),
        Contender(
            "PyrateLimiter, `InMemoryBucket` (each process by itself)",
            lambda folder, shape: shape,
            lambda shape: through_pyrate(pyrate.InMemoryBucket(rates(shape))),
        ),
        Contender(
            "PyrateLimiter, `MultiprocessBucket`",
            lambda folder, shape: MultiprocessBucket.init(rates(shape)),
            through_pyrate,
            manager_pid,
        ),
        Contender(
            "PyrateLimiter, `SQLiteBucket` with a file lock",
            lambda folder, shape: (str(folder / f"{time.time_ns()}.sqlite"), shape),
            sqlite,
        ),
    ]
    if server is not None:

        def fresh(folder: Path, shape: tuple[int, int]) -> Any:
            from redis import Redis

            Redis(unix_socket_path=server[0]).flushall()
            return (*server, shape)

        name = "PyrateLimiter, `RedisBucket` on a socket"
        found.append(Contender(name, fresh, redis, lambda shared: shared[1]))
    return found


def cpu_of(pid: int | None) -> float:
    """The CPU seconds of another process."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fast(call: Callable[[], bool], seconds: float) -> tuple[float, list[int]]:
    """Calls per second, and the times of single calls, in nanoseconds."""
    calls, begun = 0, time.perf_counter()
    while (took := time.perf_counter() - begun) < seconds / 2:
        for _ in range(20):
            call()
        calls += 20
    times = []
    end = time.perf_counter() + seconds / 2
    while time.perf_counter() < end and len(times) < 200_000:
        before = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - before)
    return calls / took, times


def work(
    contender: Contender, shared: Any, waits: bool, seconds: float, start: Any, tell: Any
) -> None:
    call, grants = contender.attach(shared)
    start.wait(60)
    if not waits:
        tell.send(fast(call, seconds))
        return
    cpu, end = time.process_time(), time.monotonic() + seconds
    while time.monotonic() < end:
        call()
    tell.send((time.process_time() - cpu, grants))


def together(
    contender: Contender, processes: int, waits: bool, seconds: float
) -> tuple[list[Any], float]:
    """What each worker tells, and the CPU time of whoever they ask."""
    with tempfile.TemporaryDirectory() as folder:
        shared = contender.share(Path(folder), NARROW if waits else WIDE)
        start = _context.Barrier(processes + 1)
        pipes = [_context.Pipe(False) for _ in range(processes)]
        workers = [
            _context.Process(target=work, args=(contender, shared, waits, seconds, start, pipe[1]))
            for pipe in pipes
        ]
        for worker in workers:
            worker.start()
        for pipe in pipes:
            pipe[1].close()
        start.wait(60)
        helper = contender.helper(shared)
        before = cpu_of(helper)
        told = [pipe[0].recv() for pipe in pipes]
        asked = cpu_of(helper) - before
        for worker in workers:
            worker.join(5)
            if worker.is_alive() and worker.pid:
                os.kill(worker.pid, signal.SIGKILL)
        return told, asked


def surely_together(grants: list[tuple[int, int]], interval: int) -> int:
    """The most grants that lie in one window for sure."""
    starts = sorted(before for before, _ in grants)
    most = 0
    for start in starts:
        window = [grant for grant in grants if start <= grant[0] and grant[1] < start + interval]
        most = max(most, len(window))
    return most


def size(number: float) -> str:
    for unit, by in (("M", 1e6), ("k", 1e3)):
        if number >= by:
            return f"{number / by:.3g} {unit}"
    return f"{number:.3g}"


def span(nanoseconds: float) -> str:
    for unit, by in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= by:
            return f"{nanoseconds / by:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="one contender's turn")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--quick", action="store_true", help="whether it works")
    asked = parser.parse_args()
    if asked.quick:
        asked.rounds, asked.seconds, asked.processes = 1, 0.2, [1, 4]
    seen: dict[tuple[str, int], list[tuple[float, float, float, int]]] = {}
    with redis_server() as server:
        field = contenders(server)
        for _ in range(asked.rounds):
            for processes in asked.processes:
                for contender in field:
                    told, _ = together(contender, processes, False, asked.seconds)
                    speed = sum(calls for calls, _ in told)
                    times = sorted(time for _, some in told for time in some)
                    p99 = times[len(times) * 99 // 100]
                    told, helper = together(contender, processes, True, asked.seconds)
                    grants = [grant for _, some in told for grant in some]
                    cpu = (sum(used for used, _ in told) + helper) / max(1, len(grants))
                    most = surely_together(grants, NARROW[1] * 1000)
                    seen.setdefault((contender.name, processes), []).append((speed, p99, cpu, most))
    tidegate.remove(f"bench.{os.getpid()}")
    print("| | processes | calls/s | p99 | CPU/grant | worst window, of 50 |")
    print("|---|---|---|---|---|---|")
    for contender in field:
        for processes in asked.processes:
            speeds, p99s, cpus, most = zip(*seen[contender.name, processes])
            middle = statistics.median
            over = f"**{max(most)}**" if max(most) > NARROW[0] else f"{max(most)}"
            print(
                f"| {contender.name} | {processes} | {size(middle(speeds))} | {span(middle(p99s))} "
                f"| {span(middle(cpus) * 1e9)} | {over} |"
            )


if __name__ == "__main__":
    main()
