from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any, cast

import pytest

import tidegate

pyrate_limiter = pytest.importorskip("pyrate_limiter")

from pyrate_limiter import (  # noqa: E402
    BucketAsyncWrapper,
    BucketFactory,
    Duration,
    InMemoryBucket,
    Limiter,
    RateItem,
)
from pyrate_limiter import Rate as TheirRate  # noqa: E402

from tidegate.pyrate import SharedMemoryBucket  # noqa: E402


def test_put_answers_as_the_librarys_own_bucket_does(name: str) -> None:
    """The same items, one by one, at the same times: for rates that no clock rounds."""
    rates = [TheirRate(3, 300), TheirRate(5, 60_000)]
    ours, theirs = SharedMemoryBucket(rates, name=name), InMemoryBucket(rates)
    for weight in (0, 1, 2, 1, 0, 4, 3, 9):
        answers, failing = [], []
        for bucket in (theirs, ours):
            item = RateItem("x", bucket.now(), weight)
            answers.append(bucket.put(item))
            failing.append(bucket.failing_rate)
            waits = bucket.waiting(item) if weight else 0
            assert (waits == -1) == (weight > 3)
            assert bucket.put_decision(RateItem("x", bucket.now(), 0)).allowed
        assert answers[0] == answers[1], weight
        # Where two rates refuse, ours tells the one that does so for longer.
        assert failing[1] is (rates[1] if weight == 3 else failing[0]), weight
        assert ours.count() == theirs.count()
    decision = ours.put_decision(RateItem("x", ours.now(), 1))
    assert not decision.allowed and 0 < decision.retry_after_ms <= 300
    time.sleep(0.31)
    assert ours.put(RateItem("x", ours.now(), 2)) and ours.failing_rate is None
    assert not ours.put(RateItem("x", ours.now(), 1))
    assert ours.failing_rate is rates[1] and ours.waiting(RateItem("x", 0, 1)) > 50_000


def test_after_the_wait_that_it_tells_an_item_is_admitted(name: str) -> None:
    bucket = SharedMemoryBucket([TheirRate(2, 150)], name=name)
    item = RateItem("x", bucket.now(), 2)
    assert bucket.put(item) and not bucket.put(item)
    wait = bucket.waiting(item)
    assert 0 < wait <= 150
    time.sleep(wait / 1000)
    assert bucket.waiting(item) == 0 and bucket.put(item)


def test_peek_count_leak_and_flush(name: str) -> None:
    bucket = SharedMemoryBucket([TheirRate(5, 200)], name=name)
    before = bucket.now()
    assert bucket.peek(0) is None and bucket.count() == 0
    for weight in (1, 2):
        assert bucket.put(RateItem("x", bucket.now(), weight))
    newest = bucket.peek(0)
    assert newest is not None and before <= newest.timestamp <= bucket.now()
    assert bucket.peek(2) is not None and bucket.peek(3) is bucket.peek(-1) is None
    assert not bucket.put(RateItem("x", bucket.now(), 5)) and bucket.failing_rate is not None
    bucket.flush()
    assert bucket.failing_rate is None and bucket.count() == 0
    assert bucket.put(RateItem("x", bucket.now(), 5))
    time.sleep(0.21)
    assert bucket.count() == 0 and bucket.leak(bucket.now()) == 5


def test_rates_are_sorted_and_checked_and_set_for_everybody(name: str) -> None:
    hour, second = TheirRate(100, Duration.HOUR), TheirRate(5, Duration.SECOND)
    bucket = SharedMemoryBucket([hour, second], name=name)
    assert bucket.rates == [second, hour]
    for wrong in ([], [TheirRate(5, 1000), TheirRate(5, 2000)]):
        with pytest.raises(ValueError):
            SharedMemoryBucket(wrong, name=name)
    other = SharedMemoryBucket([second, hour], name=name)
    other.rates = [TheirRate(1, Duration.HOUR)]
    assert bucket.put(RateItem("x", 0)) and not bucket.put(RateItem("x", 0))
    assert bucket.failing_rate is not None and bucket.failing_rate.limit == 1


def test_the_librarys_limiter_waits_refuses_times_out_and_closes(name: str) -> None:
    bucket = SharedMemoryBucket([TheirRate(3, 200)], name=name)
    with Limiter(bucket, buffer_ms=5) as limiter:
        assert limiter.buckets() == [bucket]
        began = time.monotonic()
        assert all(limiter.try_acquire("x") for _ in range(7))
        assert time.monotonic() - began >= 0.4
        assert not limiter.try_acquire("x", weight=4)
        bucket.flush()
        assert limiter.try_acquire("x", weight=3)
        assert not limiter.try_acquire("x", blocking=False)
        assert not limiter.try_acquire("x", timeout=0.01)

        called = []

        @limiter.as_decorator(name="x", weight=1)
        def call(value: int) -> int:
            called.append(value)
            return value

        assert call(7) == 7 and called == [7]
        assert limiter.dispose(bucket)
    assert bucket.limiter.closed and bucket.leak(0) == 0
    with pytest.raises(tidegate.Closed):
        bucket.count()


def test_items_have_buckets_of_their_own_with_keys(name: str) -> None:
    bucket = SharedMemoryBucket([TheirRate(1, Duration.HOUR)], name=name, keys=10)
    limiter = Limiter(bucket)
    assert limiter.try_acquire("a") and limiter.try_acquire("b")
    assert not limiter.try_acquire("a", blocking=False)
    assert bucket.count() == 2


def test_threads_are_limited_together(name: str) -> None:
    bucket = SharedMemoryBucket([TheirRate(5, 200)], name=name)
    limiter = Limiter(bucket, buffer_ms=1)
    instants: list[int] = []

    def work() -> None:
        for _ in range(4):
            assert limiter.try_acquire("x")
            instants.append(time.monotonic_ns() // 1000)

    threads = [threading.Thread(target=work) for _ in range(5)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(instants) == 20 and time.monotonic() - began >= 0.6


def test_tasks_wait_on_the_loop_also_through_the_librarys_wrapper(name: str) -> None:
    async def main(bucket: Any) -> None:
        limiter = Limiter(bucket, buffer_ms=1)
        began = time.monotonic()
        waits = [limiter.try_acquire_async("x") for _ in range(6)]
        assert await asyncio.gather(*waits) == [True] * 6
        assert time.monotonic() - began >= 0.4
        assert not await limiter.try_acquire_async("x", timeout=0.01)
        leaked = bucket.leak(0)
        assert isinstance(await leaked if asyncio.iscoroutine(leaked) else leaked, int)
        limiter.close()

    for wrap in (lambda bucket: bucket, BucketAsyncWrapper):
        bucket = SharedMemoryBucket([TheirRate(2, 200)], name=name)
        bucket.flush()
        asyncio.run(main(wrap(bucket)))


def test_a_factory_can_route_to_it(name: str) -> None:
    class ByName(BucketFactory):
        def __init__(self) -> None:
            self.made: dict[str, SharedMemoryBucket] = {}

        def wrap_item(self, name: str, weight: int = 1) -> RateItem:
            return RateItem(name, 0, weight)

        def get(self, item: RateItem) -> SharedMemoryBucket:
            if item.name not in self.made:
                made = self.create(SharedMemoryBucket, [TheirRate(1, 60_000)], f"{name}.{item.name}")
                self.made[item.name] = cast(SharedMemoryBucket, made)
            return self.made[item.name]

    factory = ByName()
    limiter = Limiter(factory)
    try:
        assert limiter.try_acquire("a") and limiter.try_acquire("b")
        assert not limiter.try_acquire("a", blocking=False)
        assert len(limiter.buckets()) == 2
    finally:
        limiter.close()
        for part in factory.made:
            tidegate.remove(f"{name}.{part}")


def acquire(limiter: Limiter) -> bool:
    return cast(bool, limiter.try_acquire("x", blocking=False))


LIMITER: Any = None


def use_global(bucket: SharedMemoryBucket) -> None:
    global LIMITER
    LIMITER = Limiter(bucket)


def acquire_by_global(_: int) -> bool:
    assert LIMITER is not None
    return cast(bool, LIMITER.try_acquire("x", blocking=False))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools_share_it_by_pickled_limiters_and_by_initializers(name: str, method: str) -> None:
    bucket = SharedMemoryBucket([TheirRate(10, Duration.HOUR)], name=name)
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(3, mp_context=context) as pool:
        assert sum(pool.map(acquire, [Limiter(bucket)] * 30)) == 10
    bucket.flush()
    with ProcessPoolExecutor(3, context, use_global, (bucket,)) as pool:
        assert sum(pool.map(acquire_by_global, range(30))) == 10
    again = pickle.loads(pickle.dumps(bucket))
    assert again.count() == bucket.count() == 10 and again.rates[0].limit == 10


def test_it_is_one_limit_with_tidegates_own_api(name: str) -> None:
    bucket = SharedMemoryBucket([TheirRate(4, Duration.HOUR)], name=name)
    ours = tidegate.Limiter.shared(name, "4/h")
    assert bucket.put(RateItem("x", 0, 3)) and ours.try_acquire(blocking=False)
    assert not bucket.put(RateItem("x", 0)) and not ours.try_acquire(blocking=False)
