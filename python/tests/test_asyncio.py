from __future__ import annotations

import asyncio
import time
from typing import Callable

import pytest
from judge import micros, worst

import tidegate
from tidegate import Limiter, Rate


def test_tasks_wait_on_the_loops_timer_first_come_first_served() -> None:
    async def main() -> None:
        limiter = Limiter(Rate(2, 100))
        order: list[int] = []
        at: list[float] = []

        async def work(number: int) -> None:
            permit = await limiter.acquire_async("x")
            order.append(number)
            at.append(permit.at)

        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                beats += 1
                await asyncio.sleep(0.005)

        heart = asyncio.create_task(beat())
        await asyncio.gather(*(work(number) for number in range(8)))
        heart.cancel()
        assert order == list(range(8)) and at == sorted(at)
        assert worst([(micros(instant), 1) for instant in at], 100_000) == 2
        assert beats > 5

    asyncio.run(main())


def test_a_cancelled_task_gives_its_place_back(full: Callable[[], Limiter]) -> None:
    async def main() -> None:
        limiter = full()
        for wait in (limiter.acquire_async, limiter.try_acquire_async):
            task = asyncio.ensure_future(wait())
            await asyncio.sleep(0.05)
            assert limiter.queued() == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert limiter.queued() == 0
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(limiter.acquire_async(), 0.05)
        assert limiter.queued() == 0

    asyncio.run(main())


def test_a_turn_that_comes_too_late_is_refused_at_once(full: Callable[[], Limiter]) -> None:
    async def main() -> None:
        limiter = full()
        began = time.monotonic()
        assert not await limiter.try_acquire_async(blocking=False)
        assert not await limiter.try_acquire_async(timeout=5)
        with pytest.raises(tidegate.Limited):
            await limiter.acquire_async(timeout=5)
        with pytest.raises(ValueError):
            await limiter.try_acquire_async(blocking=False, timeout=5)
        with pytest.raises(tidegate.WeightTooLarge):
            await limiter.try_acquire_async(weight=5)
        assert time.monotonic() - began < 4 and limiter.queued() == 0

    asyncio.run(main())


def test_tasks_hear_of_a_pause_and_of_its_end() -> None:
    async def main() -> None:
        limiter = Limiter("10/s")
        limiter.pause_all(3600)
        task = asyncio.create_task(limiter.acquire_async())
        await asyncio.sleep(0.05)
        assert not task.done()
        limiter.resume_all()
        permit = await asyncio.wait_for(task, 30)
        assert permit.weight == 1 and permit.at <= limiter.now()

    asyncio.run(main())


def test_decorated_coroutines_take_permits_first_and_are_not_called_without() -> None:
    async def main() -> None:
        limiter = Limiter("2/h")
        called = []

        @limiter.as_decorator(name="x", timeout=0)
        async def fetch(page: str) -> str:
            called.append(page)
            return page.upper()

        assert [await fetch("a"), await fetch("b")] == ["A", "B"]
        with pytest.raises(tidegate.Limited):
            await fetch("c")
        assert called == ["a", "b"]

    asyncio.run(main())
