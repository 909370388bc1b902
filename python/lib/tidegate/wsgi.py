"""A limit in front of a WSGI application, under gunicorn and others.

>>> from tidegate import Limiter
>>> from tidegate.wsgi import RateLimitMiddleware
>>> def app(environ, start_response):
...     start_response("200 OK", [])
...     return [b"hello"]
>>> app = RateLimitMiddleware(
...     app,
...     Limiter("10/s", keys=100_000),
...     key=lambda environ: environ["REMOTE_ADDR"],
... )

With ``Limiter.shared`` the workers share one limit, whoever of them answers. Behind a proxy
``REMOTE_ADDR`` is the proxy's. A request's permit is in its ``environ``, as ``tidegate.permit``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable

from ._errors import AcquireError
from ._server import Gate

if TYPE_CHECKING:
    from ._limiter import Limiter

__all__ = ["RateLimitMiddleware"]


class RateLimitMiddleware:
    """Calls the application for requests that got their permits, and never for others.

    Keywords are those of ``tidegate._server.Gate``: ``key`` and ``weight`` (functions of the
    ``environ``), ``wait``, ``fail_open``, ``silent``.
    """

    def __init__(self, app: Any, limiter: Limiter, **options: Any) -> None:
        self._app = app
        self._gate: Gate[dict[str, Any]] = Gate(limiter, **options)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        gate = self._gate
        key = gate.key(environ)
        if key is None:
            return self._pass(environ, start_response)
        try:
            permit = gate.limiter.acquire(key, gate.weight(environ), gate.wait)
            environ["tidegate.permit"] = permit
        except AcquireError as reason:
            if not gate.passes(reason):
                status, phrase, headers, body = gate.refuse(key, reason)
                start_response(f"{status} {phrase}", headers)
                return [body]

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            return start_response(status, [*headers, *gate.tell(key)], *exc_info)

        return self._pass(environ, start)

    def _pass(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer: Iterable[bytes] = self._app(environ, start_response)
        return answer
