"""The limiter: what is easier said in Python than in Rust."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
from typing import TYPE_CHECKING, Any, Callable, TypeVar, Union, cast

from . import _native
from ._errors import Limited

if TYPE_CHECKING:
    from typing_extensions import Self, TypedDict, Unpack

    from ._native import Permit, Reservation
    from ._types import Name, Rates, Seconds

    class Options(TypedDict, total=False):
        """How a limiter in memory may be asked for."""

        keys: int | None
        queue: int | None
        capacity: int | None
        lateness: Seconds | None
        buffer: Seconds | None
        jitter: Seconds | None
        dry_run: bool

    class SegmentOptions(Options, total=False):
        """How a limiter in a segment may be asked for."""

        group: int | None
        adopt: bool
        override_rates: bool
        create_only: bool
        attach_only: bool


_Function = TypeVar("_Function", bound=Callable[..., Any])


class Limiter(_native.Limiter):
    """An exact rate limiter: no window of any rate's interval ever holds more than its limit.

    ``Limiter(rates)`` is for the threads of this process. ``Limiter.shared(name, rates)`` is for
    all processes of this host that open that name, and ``Limiter.at(path, rates)`` is in a file,
    and remembers what was granted after a restart of the machine. Rates are ``Rate``, text as in
    ``"10/s"``, or a list of these, from the shortest interval to the longest.

    Each of them takes, as keywords:

    - ``keys``: gives each name a bucket of its own, for up to so many names; else all names share
      one bucket;
    - ``queue``: how many permits may be waited for at once (of each name, with ``keys``); whoever
      would be one more gets ``QueueFull``;
    - ``capacity``: how many permits a bucket remembers, a power of two;
    - ``lateness``: how late, in seconds, one may wake and still go at once;
    - ``buffer`` and ``jitter``: how much later than its turn one goes who had to wait, always and
      by chance;
    - ``dry_run``: lets everything pass, and counts ``would_have_refused``;

    and segments take also ``group`` (the number of a group to share it with), ``adopt`` (whatever
    rates it has), ``override_rates`` (give it these), ``create_only`` and ``attach_only``.

    A handle works in forked children as it is, and can be pickled if it is of a segment: whoever
    unpickles it attaches to that. As a context manager it is closed at the end.
    """

    __slots__ = ()

    @classmethod
    def shared(
        cls, name: str, rates: Rates | None = None, **options: Unpack[SegmentOptions]
    ) -> Self:
        """A limiter in the segment of that name, which is made if it is not there.

        It lives in memory until it is removed (``tidegate.remove``), or the machine restarts.
        """
        return cls(rates, name=name, **options)

    @classmethod
    def at(
        cls,
        path: str | os.PathLike[str],
        rates: Rates | None = None,
        **options: Unpack[SegmentOptions],
    ) -> Self:
        """A limiter in a file, which is made if it is not there."""
        return cls(rates, path=path, **options)

    @classmethod
    def in_memory(cls, rates: Rates, **options: Unpack[Options]) -> Self:
        """A limiter for the threads of this process, as ``Limiter(rates)`` is."""
        return cls(rates, **options)

    async def acquire_async(
        self, name: Name = "", weight: int = 1, timeout: Seconds | None = -1
    ) -> Permit:
        """As ``acquire``, waiting on the event loop's timer.

        A task that is cancelled gives its place back.
        """
        return await wait(self.reserve(name, weight, timeout))

    async def try_acquire_async(
        self,
        name: Name = "",
        weight: int = 1,
        blocking: bool = True,
        timeout: Seconds | None = -1,
    ) -> bool:
        """As ``try_acquire``, waiting on the event loop's timer.

        A task that is cancelled gives its place back.
        """
        if not blocking:
            return self.try_acquire(name, weight, blocking, timeout)
        try:
            await self.acquire_async(name, weight, timeout)
        except Limited:
            return False
        return True

    def as_decorator(
        self,
        *,
        name: Union[Name, Callable[..., Name]] = "",
        weight: Union[int, Callable[..., int]] = 1,
        timeout: Seconds | None = -1,
    ) -> Callable[[_Function], _Function]:
        """Takes permits before each call of a function, or of an ``async`` function.

        Both may be functions of the call's arguments. A call that gets no permits raises what
        ``acquire`` raises, and the function is not called.
        """

        def of(wish: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return wish(*args, **kwargs) if callable(wish) else wish

        def decorate(function: _Function) -> _Function:
            if inspect.iscoroutinefunction(function):

                @functools.wraps(function)
                async def limited_async(*args: Any, **kwargs: Any) -> Any:
                    await self.acquire_async(
                        of(name, args, kwargs), of(weight, args, kwargs), timeout
                    )
                    return await function(*args, **kwargs)

                return cast(_Function, limited_async)

            @functools.wraps(function)
            def limited(*args: Any, **kwargs: Any) -> Any:
                self.acquire(of(name, args, kwargs), of(weight, args, kwargs), timeout)
                return function(*args, **kwargs)

            return cast(_Function, limited)

        return decorate


async def wait(place: Reservation) -> Permit:
    """Waits for a reservation's turn on the event loop's timer.

    A task that is cancelled gives its place back.
    """
    with place:
        while (time := place.next_sleep()) is not None:
            await asyncio.sleep(time)
        return place.keep()
