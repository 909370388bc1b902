"""A pool of processes under one limit: each job takes a permit first, whoever does it.

    python examples/pool.py --workers 4 --jobs 60 --rate 20/s
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor

import tidegate
from tidegate import Limiter, Rate


def job(limiter: Limiter) -> tuple[int, float]:
    """The limiter is pickled as its name: whoever unpickles it attaches to the same segment."""
    permit = limiter.acquire()
    # Here the work would be.
    return os.getpid(), permit.at


def most_at_once(instants: list[float], seconds: float) -> int:
    """The most of them in any window of that length."""
    at = sorted(round(instant * 1e6) for instant in instants)
    return max(sum(0 <= other - first < seconds * 1e6 for other in at) for first in at)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", default=f"pool.{os.getpid()}")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--rate", type=Rate.parse, default="20/s")
    asked = parser.parse_args()
    limiter = Limiter.shared(asked.name, asked.rate)
    try:
        with ProcessPoolExecutor(asked.workers) as pool:
            done = list(pool.map(job, [limiter] * asked.jobs))
        window = asked.rate.period.total_seconds()
        most = most_at_once([at for _, at in done], window)
        assert most <= asked.rate.limit, f"{most} in a window"
        processes = len({pid for pid, _ in done})
        span = "any second" if window == 1 else f"any {window} seconds"
        print(f"{len(done)} jobs in {processes} processes; at most {most} of them in {span}")
    finally:
        tidegate.remove(asked.name)


if __name__ == "__main__":
    main()
