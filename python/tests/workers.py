"""What worker processes do: in a module of its own, so that spawned ones find it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from judge import Grant, Log, micros

from tidegate import Limited, Limiter


def take(limiter: Limiter, log: Path, worker: int, seconds: float) -> None:
    """Takes permits one by one, waiting its turn, and logs them for the judge."""
    written = Log(log)
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        before = limiter.now()
        try:
            permit = limiter.acquire(timeout=left)
        except Limited:
            return
        after = limiter.now()
        times = (micros(before), micros(permit.at), micros(after))
        written.append(Grant(*times, permit.weight, worker, permit.sleeps))


def count_one(limiter: Limiter) -> tuple[int, bool]:
    """One request in a pool's worker: who made it, and whether it was granted."""
    return os.getpid(), limiter.try_acquire(blocking=False)


def raise_limited(limiter: Limiter) -> None:
    limiter.acquire(timeout=0)
