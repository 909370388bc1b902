"""An exact rate limiter that many processes on one host share, with no broker and no lock.

>>> from tidegate import Duration, Limiter, Rate
>>> limiter = Limiter(Rate(2, Duration.MINUTE))
>>> limiter.try_acquire("example.com"), limiter.try_acquire("example.com")
(True, True)
>>> limiter.try_acquire("example.com", blocking=False)
False

``Limiter.shared("name", rates)`` is the same in a segment that every process on this host shares
who opens that name, those that are written in Rust among them.
"""

from ._duration import Duration
from ._errors import (
    AcquireError,
    BucketError,
    Closed,
    DebitError,
    Exists,
    Full,
    KeyTooLong,
    Limited,
    NotFound,
    NoSpace,
    OpenError,
    OptionDiffers,
    PauseError,
    QueueFull,
    RateError,
    RatesDiffer,
    RefundError,
    Removed,
    SegmentNameError,
    SetRatesError,
    TidegateError,
    Untrusted,
    WeightTooLarge,
)
from ._limiter import Limiter
from ._native import Permit, Rate, Reservation, list_segments, remove, remove_at
from ._snapshots import (
    BucketSnapshot,
    KeysSnapshot,
    LeakerSnapshot,
    SegmentSnapshot,
    Snapshot,
    Usage,
)

__all__ = [
    "AcquireError",
    "BucketError",
    "BucketSnapshot",
    "Closed",
    "DebitError",
    "Duration",
    "Exists",
    "Full",
    "KeyTooLong",
    "KeysSnapshot",
    "LeakerSnapshot",
    "Limited",
    "Limiter",
    "NoSpace",
    "NotFound",
    "OpenError",
    "OptionDiffers",
    "PauseError",
    "Permit",
    "QueueFull",
    "Rate",
    "RateError",
    "RatesDiffer",
    "RefundError",
    "Removed",
    "Reservation",
    "SegmentNameError",
    "SegmentSnapshot",
    "SetRatesError",
    "Snapshot",
    "TidegateError",
    "Untrusted",
    "Usage",
    "WeightTooLarge",
    "list_segments",
    "remove",
    "remove_at",
]
