"""A limit in front of an ASGI application: Starlette, FastAPI, Django and others.

.. code:: python

    app = RateLimitMiddleware(
        app,
        Limiter.shared("site", "10/s", keys=100_000),
        key=lambda scope: scope["client"][0],
    )

Requests that may ``wait`` do so on the event loop's timer, and one whose client has gone, so that
its task is cancelled, gives its place back. A request's permit is in its ``scope``, as
``tidegate.permit``. WebSockets and other things than requests pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._errors import AcquireError
from ._server import Gate, Headers

if TYPE_CHECKING:
    from ._limiter import Limiter

__all__ = ["RateLimitMiddleware"]


class RateLimitMiddleware:
    """Calls the application for requests that got their permits, and never for others.

    Keywords are those of ``tidegate._server.Gate``: ``key`` and ``weight`` (functions of the
    ``scope``), ``wait``, ``fail_open``, ``silent``.
    """

    def __init__(self, app: Any, limiter: Limiter, **options: Any) -> None:
        self._app = app
        self._gate: Gate[dict[str, Any]] = Gate(limiter, **options)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        gate = self._gate
        key = gate.key(scope) if scope["type"] == "http" else None
        if key is None:
            await self._app(scope, receive, send)
            return
        try:
            permit = await gate.limiter.acquire_async(key, gate.weight(scope), gate.wait)
            scope = {**scope, "tidegate.permit": permit}
        except AcquireError as reason:
            if not gate.passes(reason):
                status, _, headers, body = gate.refuse(key, reason)
                start = {"type": "http.response.start", "status": status}
                await send({**start, "headers": _encoded(headers)})
                await send({"type": "http.response.body", "body": body})
                return

        async def tell(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                told = _encoded(gate.tell(key))
                message = {**message, "headers": [*message.get("headers", ()), *told]}
            await send(message)

        await self._app(scope, receive, tell)


def _encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
