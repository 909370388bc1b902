"""A limit before each request of an ``httpx`` client, sync or async.

>>> import httpx
>>> from tidegate import Limiter
>>> from tidegate.httpx import RateLimitTransport
>>> client = httpx.Client(transport=RateLimitTransport(Limiter("2/s", keys=1000)))

Redirects take permits, too, each of its own host. The client's own timeouts begin after the wait.
The async transport waits on asyncio's timer. A request's permit is in its extensions, as
``tidegate.permit``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import httpx

from ._client import Guard

if TYPE_CHECKING:
    from ._limiter import Limiter

__all__ = ["AsyncRateLimitTransport", "RateLimitTransport"]


class RateLimitTransport(httpx.BaseTransport):
    """Takes permits before each request, and pauses a host that asks for it.

    It wraps ``transport``, by default a new ``httpx.HTTPTransport``. Keywords are those of
    ``tidegate._client.Guard``: ``key``, ``weight``, ``timeout``, ``longest_pause``,
    ``default_pause``, ``heed_all``.
    """

    def __init__(
        self, limiter: Limiter, transport: Optional[httpx.BaseTransport] = None, **options: Any
    ) -> None:
        self._guard: Guard[httpx.Request] = Guard(limiter, **options)
        self._transport = httpx.HTTPTransport() if transport is None else transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        key = self._guard.key(request, str(request.url))
        request.extensions["tidegate.permit"] = self._guard.admit(key, request)
        response = self._transport.handle_request(request)
        self._guard.learn(key, response.status_code, response.headers.raw)
        return response

    def close(self) -> None:
        self._transport.close()


class AsyncRateLimitTransport(httpx.AsyncBaseTransport):
    """The same for ``httpx.AsyncClient``. A request that is cancelled gives its place back."""

    def __init__(
        self, limiter: Limiter, transport: Optional[httpx.AsyncBaseTransport] = None, **options: Any
    ) -> None:
        self._guard: Guard[httpx.Request] = Guard(limiter, **options)
        self._transport = httpx.AsyncHTTPTransport() if transport is None else transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        key = self._guard.key(request, str(request.url))
        request.extensions["tidegate.permit"] = await self._guard.admit_async(key, request)
        response = await self._transport.handle_async_request(request)
        self._guard.learn(key, response.status_code, response.headers.raw)
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()
