"""Why something was not done. All of them can be pickled, as a worker's exceptions have to be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._native import Rate


class TidegateError(Exception):
    """Any of these."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class RateError(TidegateError, ValueError):
    """The rates make no limit, or the text is no rate."""


class OpenError(TidegateError):
    """There is no limiter, or the segment could not be removed. Nothing was changed."""


class SegmentNameError(OpenError, ValueError):
    """The segment's name or path is not allowed."""


class NotFound(OpenError):
    """There is no such segment, and none was to be made."""

    def __init__(self, message: str, path: os.PathLike[str]) -> None:
        super().__init__(message, path)
        self.path = path


class Exists(OpenError):
    """There is a segment already, and a new one was to be made."""

    def __init__(self, message: str, path: os.PathLike[str]) -> None:
        super().__init__(message, path)
        self.path = path


class RatesDiffer(OpenError):
    """The segment has other rates than those asked for."""

    def __init__(self, message: str, asked: list[Rate], found: list[Rate]) -> None:
        super().__init__(message, asked, found)
        self.asked = asked
        self.found = found


class OptionDiffers(OpenError):
    """The segment was made with another queue, capacity, number of keys or group."""


class NoSpace(OpenError):
    """The file system is too full to hold the segment. Both numbers are bytes."""

    def __init__(self, message: str, needed: int, free: int) -> None:
        super().__init__(message, needed, free)
        self.needed = needed
        self.free = free


class Untrusted(OpenError):
    """The segment belongs to somebody else, or others may write it."""


class AcquireError(TidegateError):
    """A request was not granted. Nothing was taken."""


class Limited(AcquireError):
    """Granting it would exceed a rate, fall in a pause, or overtake somebody who waits.

    ``retry_after`` is exact, in seconds; ``rate`` is the one that holds it back most.
    """

    def __init__(self, message: str, retry_after: float, rate: Rate) -> None:
        super().__init__(message, retry_after, rate)
        self.retry_after = retry_after
        self.rate = rate


class QueueFull(AcquireError):
    """It would have to wait, and too many permits are waited for already."""

    def __init__(self, message: str, retry_after: float, weight: int, queue: int) -> None:
        super().__init__(message, retry_after, weight, queue)
        self.retry_after = retry_after
        self.weight = weight
        self.queue = queue


class WeightTooLarge(AcquireError, ValueError):
    """It is heavier than the smallest limit: it could never be granted."""

    def __init__(self, message: str, weight: int, rate: Rate) -> None:
        super().__init__(message, weight, rate)
        self.weight = weight
        self.rate = rate


class Full(AcquireError):
    """All buckets are in use by other names."""

    def __init__(self, message: str, keys: int) -> None:
        super().__init__(message, keys)
        self.keys = keys


class KeyTooLong(AcquireError, ValueError):
    """The name is too long."""

    def __init__(self, message: str, length: int) -> None:
        super().__init__(message, length)
        self.length = length


class BucketError(AcquireError):
    """The segment cannot be used."""


class Closed(BucketError):
    """The limiter, or its bucket, is closed."""


class Removed(BucketError):
    """The segment was removed, and this handle may only attach to one that is there."""


class RefundError(TidegateError, ValueError):
    """More was to be given back than the permit stands for."""


class DebitError(TidegateError):
    """Not all permits were charged, but only ``charged``."""

    def __init__(self, message: str, charged: int) -> None:
        super().__init__(message, charged)
        self.charged = charged


class PauseError(TidegateError, ValueError):
    """There is no pause: it would be too long."""


class SetRatesError(TidegateError):
    """The rates are as they were."""
