"""What there is to see of a limiter. Times are seconds; instants are on the limiter's clock."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    from ._native import Rate


class Usage(NamedTuple):
    """How much of one rate a name has used."""

    rate: Rate
    used: int
    """Permits that count in the window, those that are waited for among them."""
    remaining: int
    resets_in: float
    """When the first of them leaves the window; 0 if none counts."""


class BucketSnapshot(NamedTuple):
    """A name's bucket at one moment."""

    label: bytes
    """The first 79 bytes of the name."""
    is_whole: bool
    """Whether that is all of the name."""
    count: int
    """Permits that count in the widest window, those that are waited for among them."""
    queued: int
    """Permits that are waited for."""
    waiting: float
    """How long a request of weight 1 would have to wait."""
    last_use: Optional[float]
    """When the newest permit was granted, or will be."""


class KeysSnapshot(NamedTuple):
    """The names of a limiter that gives each a bucket."""

    limit: int
    """For how many there are buckets."""
    used: int
    evictions: int
    """Buckets that were taken from idle names."""
    full_refusals: int
    """Requests that found no bucket for their name."""


class LeakerSnapshot(NamedTuple):
    """What the leak process last told."""

    is_alive: bool
    pid: int
    last_pass: float
    interval: float
    passes: int
    leaked: int
    """Permits that it found to count no more."""
    repairs: int
    reclaimed: int
    """Buckets that it took back from processes that had died."""


class SegmentSnapshot(NamedTuple):
    """A segment at one moment."""

    path: os.PathLike[str]
    size: int
    """Bytes."""
    made: float
    """When, in Unix time."""
    leaker: Optional[LeakerSnapshot]


class Snapshot(NamedTuple):
    """A limiter at one moment; with keys, of all of them together."""

    now: float
    rates: list[Rate]
    counts: list[int]
    """Permits that count for each of the rates."""
    queue: int
    """How many permits may be waited for at once."""
    capacity: int
    """How many permits a bucket remembers."""
    # A tuple has a method of that name; this is the field.
    count: int  # type: ignore[assignment]
    """Permits that count in the widest window, those that are waited for among them."""
    queued: int
    """Permits that are waited for."""
    reserved: int
    """Permits that were ever reserved."""
    paused: float
    """For how long everything is still paused."""
    waiting: float
    """How long a request of weight 1 would have to wait; with keys, of the name that has it worst."""
    keys: Optional[KeysSnapshot]
    segment: Optional[SegmentSnapshot]
