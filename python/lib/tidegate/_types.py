"""What may be given where, for those who check types."""

from __future__ import annotations

from datetime import timedelta
from typing import Iterable, Protocol, Union

from ._native import Rate


class RateLike(Protocol):
    """Another library's rate: PyrateLimiter's, say. The interval is in milliseconds."""

    @property
    def limit(self) -> int: ...

    @property
    def interval(self) -> int: ...


Name = Union[str, bytes]
Seconds = Union[float, timedelta]
Rates = Union[Rate, str, RateLike, Iterable[Union[Rate, str, RateLike]]]
