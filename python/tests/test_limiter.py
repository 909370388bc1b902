from __future__ import annotations

import copy
import datetime
import pickle
import signal
import threading
import time
from pathlib import Path
from typing import Any, Callable

import pytest
from judge import micros, worst

import tidegate
from tidegate import Duration, Limiter, Rate


def test_rates_are_given_as_pyratelimiter_does_as_text_or_as_timedeltas() -> None:
    for rate in (
        Rate(5, Duration.SECOND * 2),
        Rate(5, 2000),
        Rate(5, datetime.timedelta(seconds=2)),
        Rate.parse("5/2s"),
    ):
        assert (rate.limit, rate.interval, str(rate)) == (5, 2000, "5/2s")
        assert rate.period == datetime.timedelta(seconds=2)
        assert rate == Rate.parse("5/2s") and hash(rate) == hash(Rate.parse("5/2s"))
        assert pickle.loads(pickle.dumps(rate)) == rate
        assert eval(repr(rate)) == rate
    assert Rate(1, Duration.HOUR) == Rate.per_hour(1) != Rate.per_day(1)
    assert Limiter([Rate(5, Duration.SECOND), "100/h"]).rates == [
        Rate.per_second(5),
        Rate.per_hour(100),
    ]


def test_durations_are_pyratelimiters() -> None:
    theirs = pytest.importorskip("pyrate_limiter").Duration
    assert [unit.name for unit in Duration] == [unit.name for unit in theirs]
    for ours in Duration:
        other = theirs[ours.name]
        assert ours == int(other) and ours * 1.5 == other * 1.5 and 2 * ours == 2 * other
        assert ours + 5 == other + 5
        assert Duration.readable(ours * 2) == theirs.readable(ours * 2)
    assert Duration.readable(7) == theirs.readable(7)


@pytest.mark.parametrize(
    ("rates", "error", "told"),
    [
        ("5 per second", tidegate.RateError, "5 per second"),
        ("0/s", tidegate.RateError, "0/s"),
        ([], ValueError, "no rates"),
        (["100/h", "5/s"], tidegate.RateError, "100/h"),
        (3, TypeError, "int"),
        ([3], TypeError, "list"),
    ],
)
def test_rates_that_make_no_limit_are_errors_that_name_them(
    rates: Any, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        Limiter(rates)
    assert issubclass(tidegate.RateError, ValueError)


def test_a_request_is_granted_within_the_rates_all_or_nothing_and_refused_beyond() -> None:
    limiter = Limiter(["3/s", "5/h"])
    assert limiter.try_acquire("a", 2)
    assert not limiter.try_acquire("a", 2, blocking=False)
    assert limiter.try_acquire("b", 1, blocking=False)
    assert limiter.count() == 3
    with pytest.raises(tidegate.Limited) as refused:
        limiter.acquire(timeout=0)
    assert refused.value.rate == Rate.per_second(3)
    assert 0 < refused.value.retry_after <= 1
    assert limiter.try_acquire("a", 0, blocking=False)


def test_a_wait_ends_when_the_rate_allows_it_and_fails_at_once_if_that_is_too_late() -> None:
    limiter = Limiter(Rate(1, 200))
    first = limiter.acquire()
    second = limiter.acquire()
    assert micros(second.at) - micros(first.at) >= 200_000 and second.sleeps >= 1 and first.sleeps == 0
    before = time.monotonic()
    full = Limiter("1/h")
    assert full.try_acquire(timeout=60)
    assert not full.try_acquire(timeout=60)
    with pytest.raises(tidegate.Limited):
        full.acquire(timeout=datetime.timedelta(minutes=1))
    assert time.monotonic() - before < 30
    assert full.queued() == 0


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda limiter: limiter.try_acquire(timeout=-2), ValueError),
        (lambda limiter: limiter.try_acquire(timeout=float("nan")), ValueError),
        (lambda limiter: limiter.try_acquire(blocking=False, timeout=3), ValueError),
        (lambda limiter: limiter.try_acquire(weight=-1), ValueError),
        (lambda limiter: limiter.try_acquire(weight=1.5), TypeError),
        (lambda limiter: limiter.try_acquire(weight=2**64), ValueError),
        (lambda limiter: limiter.try_acquire(3), TypeError),
        (lambda limiter: limiter.try_acquire("\udc80"), ValueError),
        (lambda limiter: limiter.pause("", -1), ValueError),
        (lambda limiter: limiter.acquire(weight=9), tidegate.WeightTooLarge),
        (lambda limiter: limiter.acquire(b"n" * 100_000), tidegate.KeyTooLong),
        (lambda limiter: Limiter("1/s", name="a/b"), tidegate.SegmentNameError),
        (lambda limiter: Limiter("1/s", name="a", path="b"), ValueError),
        (lambda limiter: Limiter("1/s", adopt=True), ValueError),
        (lambda limiter: Limiter(), ValueError),
    ],
)
def test_bad_input_is_a_typed_error_and_takes_nothing(
    call: Callable[[Limiter], object], error: type[Exception]
) -> None:
    limiter = Limiter("5/s", keys=2)
    with pytest.raises(error):
        call(limiter)
    assert limiter.count() == 0


def test_every_exception_is_pickled_with_all_that_it_tells(name: str) -> None:
    limiter = Limiter.shared(name, "2/m", keys=1, queue=1)
    limiter.acquire("a", 2)

    def raised(call: Callable[[], object]) -> Exception:
        with pytest.raises(tidegate.TidegateError) as caught:
            call()
        return caught.value

    place = limiter.reserve("a")
    errors = [
        raised(lambda: limiter.acquire("a", timeout=0)),
        raised(lambda: limiter.acquire("a")),
        raised(lambda: limiter.acquire("a", 3)),
        raised(lambda: limiter.acquire("b")),
        raised(lambda: limiter.acquire(b"n" * 100_000)),
        raised(lambda: Limiter.shared(name, "3/m")),
        raised(lambda: Limiter.shared(name, "2/m", keys=9)),
        raised(lambda: Limiter.shared(name, "2/m", create_only=True)),
        raised(lambda: Limiter.shared(name + "x", "2/m", attach_only=True)),
        raised(lambda: Limiter.shared(name + "x", "9/s", keys=2_000_000_000)),
        raised(lambda: limiter.debit("a", 99)),
        raised(lambda: Limiter("2/m").acquire().refund(2)),
        raised(lambda: limiter.set_rates("9999999/h")),
        raised(lambda: limiter.pause("a", 1e12)),
    ]
    place.cancel()
    kinds = [type(error).__name__ for error in errors]
    assert kinds[:9] == [
        "Limited", "QueueFull", "WeightTooLarge", "Full", "KeyTooLong", "RatesDiffer",
        "OptionDiffers", "Exists", "NotFound",
    ]  # fmt: skip
    assert kinds[10:] == ["DebitError", "RefundError", "SetRatesError", "PauseError"]
    for error in errors:
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and vars(again) == vars(error) != None  # noqa: E711
        assert str(again) == str(error) and len(str(error)) > 10


def test_each_key_has_the_whole_of_the_rates_and_can_be_disposed_of() -> None:
    limiter = Limiter("1/h", keys=10)
    assert limiter.keys == 10 and Limiter("1/h").keys is None
    for key in ("a", b"b", "c"):
        assert limiter.try_acquire(key, blocking=False)
        assert not limiter.try_acquire(key, blocking=False)
    found = {bucket.label: bucket.count for bucket in limiter.buckets()}
    assert found == {b"a": 1, b"b": 1, b"c": 1}
    assert limiter.dispose("a") and not limiter.dispose("a")
    assert limiter.try_acquire("a", blocking=False)
    limiter.flush(b"a")
    assert (limiter.count("a"), limiter.count("b"), limiter.count()) == (0, 1, 2)
    limiter.flush()
    assert limiter.count() == 0


def test_what_is_refunded_is_free_again_and_what_is_debited_is_paid_by_who_comes_later() -> None:
    limiter = Limiter("5/h")
    permit = limiter.acquire(weight=5)
    permit.refund(2)
    assert permit.weight == 3 and limiter.count() == 3
    with pytest.raises(tidegate.RefundError, match="4"):
        permit.refund(4)
    permit.refund()
    permit.refund()
    assert permit.weight == 0 and limiter.count() == 0
    assert limiter.debit(weight=8) > 3000
    assert not limiter.try_acquire(blocking=False)


def test_a_reservation_is_kept_waited_for_or_given_back() -> None:
    limiter = Limiter(Rate(1, 100))
    limiter.acquire()
    place = limiter.reserve(max_wait=10)
    assert 0 < place.waiting <= 0.1 and place.ready_at > limiter.now() and place.weight == 1
    permit = place.wait()
    assert limiter.now() >= permit.at == pytest.approx(permit.at) and permit.weight == 1
    with pytest.raises(RuntimeError):
        place.wait()
    hourly = Limiter("1/h")
    hourly.acquire()
    with hourly.reserve() as place:
        assert hourly.queued() == 1
    assert hourly.queued() == 0
    place = hourly.reserve()
    del place
    assert hourly.queued() == 0
    kept = hourly.reserve().keep()
    assert hourly.queued() == 1 and kept.at > hourly.now()
    kept.refund()
    assert hourly.queued() == 0


def test_a_pause_stops_a_name_or_all_until_it_ends_or_is_ended() -> None:
    limiter = Limiter("100/s", keys=10)
    assert limiter.pause("a", 3600) > limiter.now() + 3000
    assert not limiter.try_acquire("a", blocking=False)
    assert limiter.try_acquire("b", blocking=False)
    assert limiter.resume("a") and not limiter.resume("a")
    assert limiter.try_acquire("a", blocking=False)
    limiter.pause_all(datetime.timedelta(hours=1))
    assert not limiter.try_acquire("b", blocking=False)
    assert limiter.inspect().paused > 3000
    assert limiter.resume_all() and limiter.try_acquire("b", blocking=False)
    assert limiter.longest_pause > 3600


def test_what_there_is_to_see() -> None:
    limiter = Limiter(["2/s", "3/h"])
    limiter.acquire(weight=2)
    shown = limiter.inspect()
    assert shown.rates == limiter.rates and shown.counts == [2, 2] and shown.count == 2
    assert shown.keys is None and shown.segment is None and shown.waiting > 0
    second, hour = limiter.usage()
    assert (second.used, second.remaining, hour.remaining) == (2, 0, 1)
    assert limiter.peek() == limiter.peek("", 1) and limiter.peek("", 2) is None
    assert 0 < limiter.waiting() <= 1 and limiter.leak() == 0
    assert ("ratelimit-policy", '"2/s";q=2;w=1, "3/h";q=3;w=3600') in limiter.headers()


def test_a_segment_is_shared_by_name_or_path_and_shows_itself(name: str, tmp_path: Path) -> None:
    for make in (
        lambda **options: Limiter.shared(name, "2/h", **options),
        lambda **options: Limiter.at(tmp_path / "limit", "2/h", **options),
    ):
        one, other = make(), make()
        assert one.try_acquire() and other.try_acquire()
        assert not one.try_acquire(blocking=False)
        segment = one.inspect().segment
        assert segment is not None and segment.size > 0 and Path(segment.path).exists()
        assert segment.leaker is None and abs(segment.made - time.time()) < 3600
        other.set_rates(["3/h"])
        assert one.try_acquire(blocking=False)
        with pytest.raises(tidegate.RatesDiffer) as differ:
            make()
        assert differ.value.found == [Rate.per_hour(3)]
        assert make(adopt=True).rates == [Rate.per_hour(3)]
        assert make(override_rates=True).rates == one.rates == [Rate.per_hour(2)]
    assert name in tidegate.list_segments() and name in repr(Limiter.shared(name, adopt=True))
    assert tidegate.remove(name) and not tidegate.remove(name)
    assert tidegate.remove_at(tmp_path / "limit")


def test_a_dry_run_lets_everything_pass_and_counts() -> None:
    limiter = Limiter("1/h", dry_run=True)
    assert all(limiter.try_acquire() for _ in range(3))
    assert limiter.would_have_refused == 2


def test_a_context_manager_closes_the_handle_and_not_the_segment(name: str) -> None:
    with Limiter.shared(name, "5/h") as limiter:
        limiter.acquire()
        assert not limiter.closed
    assert limiter.closed
    for call in (limiter.try_acquire, limiter.count, limiter.now):
        with pytest.raises(tidegate.Closed):
            call()
    assert Limiter.shared(name, "5/h").count() == 1


def test_a_handle_is_pickled_as_its_name_and_configuration(name: str) -> None:
    limiter = Limiter.shared(name, "5/h", keys=7, jitter=0.5, dry_run=True)
    limiter.try_acquire("a", 2)
    limiter.set_rates("4/h")
    again = pickle.loads(pickle.dumps(limiter))
    assert type(again) is Limiter
    assert (again.name, again.keys, again.count("a")) == (name, 7, 2)
    assert again.rates == [Rate.per_hour(4)]
    assert again.try_acquire("a", 3) and again.would_have_refused == 1
    tidegate.remove(name)
    assert pickle.loads(pickle.dumps(limiter)).rates == [Rate.per_hour(5)]
    assert copy.copy(limiter) is limiter and copy.deepcopy(limiter) is limiter
    with pytest.raises(TypeError, match="shared"):
        pickle.dumps(Limiter("5/h"))
    with pytest.raises(TypeError):
        pickle.dumps(limiter.acquire())


def test_decorated_functions_take_permits_first_and_are_not_called_without() -> None:
    limiter = Limiter("3/h", keys=10)
    called = []

    @limiter.as_decorator(name="site", weight=2, timeout=0)
    def fetch(page: str, *, twice: bool = False) -> str:
        """Gets a page."""
        called.append(page)
        return page * (2 if twice else 1)

    assert fetch("a", twice=True) == "aa"
    assert (fetch.__name__, fetch.__doc__) == ("fetch", "Gets a page.")
    with pytest.raises(tidegate.Limited):
        fetch("b")
    assert called == ["a"]

    @limiter.as_decorator(name=lambda host, size: host, weight=lambda host, size: size, timeout=0)
    def send(host: str, size: int) -> int:
        return size

    assert [send("x", 3), send("y", 1), send("y", 2)] == [3, 1, 2]
    with pytest.raises(tidegate.Limited):
        send("x", 1)


def test_other_threads_run_while_one_waits_and_all_of_them_are_limited_together() -> None:
    limiter = Limiter(Rate(5, 300))
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.is_set():
            ticks += 1

    ticker = threading.Thread(target=tick)
    limiter.acquire(weight=5)
    before = ticks
    ticker.start()
    at: list[float] = []
    workers = [
        threading.Thread(target=lambda: at.append(limiter.acquire().at)) for _ in range(12)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    done.set()
    ticker.join()
    assert ticks - before > 1000
    assert worst([(micros(instant), 1) for instant in sorted(at)], 300_000) == 5


def test_ctrl_c_interrupts_a_wait_and_gives_the_place_back(full: Callable[[], Limiter]) -> None:
    limiter = full()
    for wait in (limiter.try_acquire, limiter.acquire, lambda: limiter.reserve().wait()):
        timer = threading.Timer(
            0.2, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        )
        timer.start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            wait()
        assert time.monotonic() - began < 30
        assert limiter.queued() == 0
        timer.join()


def test_a_signal_whose_handler_raises_nothing_does_not_end_a_wait() -> None:
    limiter = Limiter(Rate(1, 400))
    limiter.acquire()
    heard = []
    old = signal.signal(signal.SIGALRM, lambda *_: heard.append(True))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        first = limiter.peek()
        second = limiter.acquire()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert first is not None and micros(second.at) - micros(first) >= 400_000 and heard
