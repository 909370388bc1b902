"""A bucket for PyrateLimiter's ``Limiter``, in a segment that all processes of this host share.

.. code:: python

    bucket = MultiprocessBucket.init(rates)                # before
    bucket = SharedMemoryBucket(rates, name="crawl")       # after
    limiter = pyrate_limiter.Limiter(bucket)

It needs no manager process and no lock, and works in threads, in ``asyncio``, in forked and in
spawned workers. Programs that know nothing of each other share the limit by the name, those that
use ``tidegate`` directly, in Python or Rust, among them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, List, Optional

from pyrate_limiter import AbstractBucket, Rate, RateItem
from pyrate_limiter.abstracts.algorithm import ADMITTED, Decision

from ._limiter import Limiter

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._limiter import SegmentOptions

__all__ = ["SharedMemoryBucket"]


class SharedMemoryBucket(AbstractBucket):
    """An exact sliding window in a segment of that name.

    What ``put`` decides is by the segment's own clock, to the microsecond: of an item only its
    name and weight matter, and ``now()`` is that clock in milliseconds.

    ``options`` are those of ``tidegate.Limiter``. With ``keys=n`` each item's name has the whole of
    the rates to itself; without, all names share one bucket.
    """

    is_async = False

    def __init__(self, rates: List[Rate], name: str, **options: Unpack[SegmentOptions]) -> None:
        self.failing_rate = None
        self._rates = []
        # Sorted and checked as this library's buckets are.
        AbstractBucket.rates.__set__(self, rates)  # type: ignore[attr-defined]
        self.limiter = Limiter.shared(name, self._rates, **options)

    @property
    def rates(self) -> List[Rate]:
        """The rates; set them, and they are in force for all who share the segment."""
        return self._rates

    @rates.setter
    def rates(self, value: List[Rate]) -> None:
        AbstractBucket.rates.__set__(self, value)  # type: ignore[attr-defined]
        self.limiter.set_rates(self._rates)

    def now(self) -> int:
        return int(self.limiter.now() * 1000)

    def put(self, item: RateItem) -> bool:
        refusal = None
        if item.weight > min(rate.limit for rate in self._rates):
            rate = min(self._rates, key=lambda rate: rate.limit)
            return self._record(item, Decision(failing_rate=rate))
        if item.weight > 0:
            refusal = self.limiter.refusal(item.name, item.weight)
        if refusal is None:
            return self._record(item, ADMITTED)
        limit, microseconds = refusal
        decision = Decision(self._rate_of(limit), math.ceil(microseconds / 1000))
        return self._record(item, decision)

    def waiting(self, item: RateItem) -> int:
        """How many milliseconds from now the item would be admitted; -1 for never."""
        if item.weight > min(rate.limit for rate in self._rates):
            return -1
        return math.ceil(self.limiter.waiting(item.name, item.weight) * 1000)

    def leak(self, current_timestamp: Optional[int] = None) -> int:
        """Forgets what counts in no window any more. No limit depends on it."""
        # A thread of the library's may come by after the bucket was closed.
        return 0 if self.limiter.closed else self.limiter.leak()

    def flush(self) -> None:
        self.failing_rate = None
        self._last_wait = None
        self.limiter.flush()

    def count(self) -> int:
        """Permits that count in the widest window."""
        return self.limiter.count()

    def peek(self, index: int) -> Optional[RateItem]:
        """The ``index``-th newest permit, from 0; without ``keys``. A segment knows no names."""
        stamp = None if index < 0 else self.limiter.peek("", index)
        if stamp is None:
            return None
        return RateItem(self.limiter.name or "", int(stamp * 1000))

    def close(self) -> None:
        self.limiter.close()

    def _rate_of(self, limit: int) -> Rate:
        """The rate of that limit: no two have the same one."""
        for rate in self._rates:
            if rate.limit == limit:
                return rate
        # Somebody else has set other rates.
        self._rates = [Rate(rate.limit, rate.interval) for rate in self.limiter.rates]
        return next((rate for rate in self._rates if rate.limit == limit), self._rates[0])
