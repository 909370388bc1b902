"""A limit before each request of a ``requests`` session.

>>> from tidegate import Limiter
>>> from tidegate.requests import RateLimitedSession
>>> session = RateLimitedSession(Limiter("2/s", keys=1000))

Redirects take permits, too, each of its own host. To mount it yourself, on some sites or with
retries, there is ``RateLimitAdapter``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter

from ._client import Guard, encoded

if TYPE_CHECKING:
    from ._limiter import Limiter
    from ._types import Name, Seconds

__all__ = ["RateLimitAdapter", "RateLimitedSession"]


class RateLimitAdapter(HTTPAdapter):
    """Takes permits before each request, and pauses a host that asks for it.

    Keywords are those of ``tidegate._client.Guard``: ``key``, ``weight``, ``timeout``,
    ``longest_pause``, ``default_pause``, ``heed_all``; all others go to ``HTTPAdapter``.
    """

    def __init__(
        self,
        limiter: Limiter,
        *,
        key: Optional[Callable[[PreparedRequest], Optional[Name]]] = None,
        weight: Optional[Callable[[PreparedRequest], int]] = None,
        timeout: Optional[Seconds] = -1,
        longest_pause: Seconds = 3600,
        default_pause: Seconds = 0,
        heed_all: bool = False,
        **adapter: Any,
    ) -> None:
        super().__init__(**adapter)
        self._guard: Guard[PreparedRequest] = Guard(
            limiter,
            key=key,
            weight=weight,
            timeout=timeout,
            longest_pause=longest_pause,
            default_pause=default_pause,
            heed_all=heed_all,
        )

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        key = self._guard.key(request, request.url or "")
        self._guard.admit(key, request)
        response = super().send(request, *args, **kwargs)
        self._guard.learn(key, response.status_code, encoded(response.headers.items()))
        return response


class RateLimitedSession(Session):
    """A ``requests.Session`` that takes permits before each request: see ``RateLimitAdapter``."""

    def __init__(self, limiter: Limiter, **options: Any) -> None:
        super().__init__()
        for scheme in ("http://", "https://"):
            self.mount(scheme, RateLimitAdapter(limiter, **options))
