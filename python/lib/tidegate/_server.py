"""What is common to the servers' middlewares: who passes, and what those are told who do not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Callable, Generic, Optional, TypeVar

from ._errors import (
    AcquireError,
    BucketError,
    Full,
    KeyTooLong,
    Limited,
    QueueFull,
    TidegateError,
    WeightTooLarge,
)

if TYPE_CHECKING:
    from ._limiter import Limiter
    from ._types import Name, Seconds

R = TypeVar("R")
Headers = list[tuple[str, str]]


class Gate(Generic[R]):
    """A limiter, and what to ask of it.

    - ``key``: by what requests are limited: a function of the request, which returns a name, or
      ``None`` for a request that passes; by default one bucket takes all requests.
    - ``weight``: how many permits a request takes: a function of the request; by default 1.
    - ``wait``: how many seconds a request may wait for its turn; by default it may not.
    - ``fail_open``: whether requests pass while the limiter cannot tell: its segment is damaged, or
      all its keys are in use. By default they are answered 503.
    - ``silent``: whether responses tell nothing of the limits but ``Retry-After``.

    Who is refused gets 429, with ``Retry-After`` in whole seconds, rounded up. Responses, to those
    who pass as to those who do not, tell by ``RateLimit`` and ``RateLimit-Policy`` how much of each
    rate is left.
    """

    def __init__(
        self,
        limiter: Limiter,
        *,
        key: Optional[Callable[[R], Optional[Name]]] = None,
        weight: Optional[Callable[[R], int]] = None,
        wait: Seconds = 0,
        fail_open: bool = False,
        silent: bool = False,
    ) -> None:
        self.limiter = limiter
        self.wait = wait
        self._key = key
        self._weight = weight
        self._fail_open = fail_open
        self._silent = silent

    def key(self, request: R) -> Optional[Name]:
        return "" if self._key is None else self._key(request)

    def weight(self, request: R) -> int:
        return 1 if self._weight is None else self._weight(request)

    def passes(self, reason: AcquireError) -> bool:
        """Whether a request passes that was not granted for that reason."""
        return self._fail_open and isinstance(reason, (BucketError, Full))

    def tell(self, key: Name) -> Headers:
        """What a response tells of the limits."""
        if self._silent:
            return []
        try:
            return self.limiter.headers(key)
        except TidegateError:
            # A limiter that cannot be asked has nothing to tell.
            return []

    def refuse(self, key: Name, reason: AcquireError) -> tuple[int, str, Headers, bytes]:
        """Status, its phrase, headers and text for who is refused."""
        headers = [("content-type", "text/plain; charset=utf-8"), *self.tell(key)]
        if isinstance(reason, (Limited, QueueFull)):
            headers.append(("retry-after", str(math.ceil(reason.retry_after))))
            text = f"Too many requests: try again in {reason.retry_after:.1f} s.\n"
            status, phrase = 429, "Too Many Requests"
        elif isinstance(reason, (WeightTooLarge, KeyTooLong)):
            text = "This request can never be granted.\n"
            status, phrase = 400, "Bad Request"
        else:
            text = "The limit cannot be checked now: try again later.\n"
            status, phrase = 503, "Service Unavailable"
        body = text.encode()
        headers.append(("content-length", str(len(body))))
        return status, phrase, headers, body
