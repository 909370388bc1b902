"""What is common to the HTTP clients: permits before each request, lessons from each response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Generic, Iterable, Optional, TypeVar
from urllib.parse import urlsplit

from ._errors import TidegateError
from ._native import told_pause

if TYPE_CHECKING:
    from ._limiter import Limiter
    from ._native import Permit
    from ._types import Name, Seconds

R = TypeVar("R")
_USUAL_PORTS = {"http": 80, "https": 443}


def host_of(url: str) -> str:
    """The host in lower case, and its port if that is not the scheme's usual one."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    port = parts.port
    return host if port in (None, _USUAL_PORTS.get(parts.scheme)) else f"{host}:{port}"


class Guard(Generic[R]):
    """Limits the requests of a client, and learns from its responses.

    - ``key``: by what requests are limited: a function of the request, which returns a name, or
      ``None`` for a request that passes; by default the host, as ``example.com:8080``. Give the
      limiter ``keys`` for as many hosts as there may be.
    - ``weight``: how many permits a request takes: a function of the request; by default 1.
    - ``timeout``: how many seconds a request may wait: -1 for however long, 0 for not at all. One
      that gets no permit is not sent: ``tidegate.Limited`` is raised.
    - ``longest_pause``: the longest pause, in seconds, that a response can cause; 0 for none.
    - ``default_pause``: how long a 429 pauses its key that does not say for how long.
    - ``heed_all``: whether responses of every status teach that nothing is left, and not only 429
      and 503.

    A pause is of the key, for all processes that share the limiter, at once: for those who wait
    as for those who come. ``Retry-After``, ``RateLimit`` with ``RateLimit-Policy``, and the older
    ``RateLimit-Reset`` and ``X-RateLimit-Reset`` are read.
    """

    def __init__(
        self,
        limiter: Limiter,
        *,
        key: Optional[Callable[[R], Optional[Name]]] = None,
        weight: Optional[Callable[[R], int]] = None,
        timeout: Optional[Seconds] = -1,
        longest_pause: Seconds = 3600,
        default_pause: Seconds = 0,
        heed_all: bool = False,
    ) -> None:
        self.limiter = limiter
        self._key = key
        self._weight = weight
        self._timeout = timeout
        self._longest_pause = longest_pause
        self._default_pause = default_pause
        self._heed_all = heed_all

    def key(self, request: R, url: str) -> Optional[Name]:
        """The name that is given to the limiter; ``None`` if the request passes."""
        return host_of(url) if self._key is None else self._key(request)

    def weight(self, request: R) -> int:
        return 1 if self._weight is None else self._weight(request)

    def admit(self, key: Optional[Name], request: R) -> Optional[Permit]:
        """Takes the request's permits, waiting in this thread; ``None`` if it passes without."""
        if key is None:
            return None
        return self.limiter.acquire(key, self.weight(request), self._timeout)

    async def admit_async(self, key: Optional[Name], request: R) -> Optional[Permit]:
        """The same, waiting on the event loop's timer."""
        if key is None:
            return None
        return await self.limiter.acquire_async(key, self.weight(request), self._timeout)

    def learn(
        self, key: Optional[Name], status: int, headers: Iterable[tuple[bytes, bytes]]
    ) -> None:
        """Pauses the key, if the response asks for it."""
        if key is None:
            return
        pause = told_pause(
            status, list(headers), self._longest_pause, self._default_pause, self._heed_all
        )
        if pause > 0:
            try:
                self.limiter.calm(key, pause)
            except TidegateError:
                # What else fails here is told to the next request that asks for a permit.
                pass


def encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Headers of a client that has them as text."""
    return [
        (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in headers
    ]
