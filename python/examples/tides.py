"""A WSGI site of several workers with one limit for all of them.

    SITE_RATE=20/s gunicorn --workers 4 --bind 127.0.0.1:8080 tides:app
    curl -i http://127.0.0.1:8080/
"""

from __future__ import annotations

import os
from typing import Any, Callable, Iterable

from tidegate import Limiter
from tidegate.wsgi import RateLimitMiddleware


def tides(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Tells which worker answers, and when it was let."""
    at = environ["tidegate.permit"].at
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {at:.6f}\n".encode()]


limiter = Limiter.shared(
    os.environ.get("SITE_NAME", "site"), os.environ.get("SITE_RATE", "20/s"), keys=1000
)
app = RateLimitMiddleware(tides, limiter, key=lambda environ: environ["REMOTE_ADDR"])
