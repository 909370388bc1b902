"""What there is to see of a limiter. Times are seconds; instants are on the limiter's clock."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from ._native import Rate


@dataclass(frozen=True)
class Usage:
    """How much of one rate a name has used."""

    rate: Rate
    used: int
    """Permits that count in the window, those that are waited for among them."""
    remaining: int
    resets_in: float
    """When the first of them leaves the window; 0 if none counts."""


@dataclass(frozen=True)
class BucketSnapshot:
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


@dataclass(frozen=True)
class KeysSnapshot:
    """The names of a limiter that gives each a bucket."""

    limit: int
    """For how many there are buckets."""
    used: int
    evictions: int
    """Buckets that were taken from idle names."""
    full_refusals: int
    """Requests that found no bucket for their name."""


@dataclass(frozen=True)
class LeakerSnapshot:
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


@dataclass(frozen=True)
class SegmentSnapshot:
    """A segment at one moment."""

    path: os.PathLike[str]
    size: int
    """Bytes."""
    made: float
    """When, in Unix time."""
    leaker: Optional[LeakerSnapshot]


@dataclass(frozen=True)
class Snapshot:
    """A limiter at one moment; with keys, of all of them together."""

    now: float
    rates: list[Rate]
    counts: list[int]
    """Permits that count for each of the rates."""
    queue: int
    """How many permits may be waited for at once."""
    capacity: int
    """How many permits a bucket remembers."""
    count: int
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
