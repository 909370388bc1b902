"""A limit before each request of an ``aiohttp`` session.

It is a client middleware: ``aiohttp.ClientSession(middlewares=[RateLimitMiddleware(limiter)])``, or
``rate_limited_session(limiter)``. Redirects take permits, too, each of its own host. The time of
waiting counts for the session's total timeout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp

from ._client import Guard

if TYPE_CHECKING:
    from ._limiter import Limiter

__all__ = ["RateLimitMiddleware", "rate_limited_session"]


class RateLimitMiddleware:
    """Takes permits before each request, and pauses a host that asks for it.

    Keywords are those of ``tidegate._client.Guard``: ``key``, ``weight``, ``timeout``,
    ``longest_pause``, ``default_pause``, ``heed_all``.
    """

    def __init__(self, limiter: Limiter, **options: Any) -> None:
        self._guard: Guard[aiohttp.ClientRequest] = Guard(limiter, **options)

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        key = self._guard.key(request, str(request.url))
        await self._guard.admit_async(key, request)
        response = await handler(request)
        self._guard.learn(key, response.status, response.raw_headers)
        return response


def rate_limited_session(limiter: Limiter, **session: Any) -> aiohttp.ClientSession:
    """An ``aiohttp.ClientSession`` that takes permits before each request, by host.

    Keywords go to the session; other middlewares come before this one, so that each try of theirs
    takes permits.
    """
    others = session.pop("middlewares", ())
    return aiohttp.ClientSession(middlewares=(*others, RateLimitMiddleware(limiter)), **session)
