"""A local HTTP server that says what tests want."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Iterator


class Handler(BaseHTTPRequestHandler):
    """``/`` is 200; ``/busy/N`` is 429 with Retry-After N; ``/spent/N`` a 200 with nothing left for
    N seconds; ``/down/N`` 503; ``/bare`` a 429 that says nothing; ``/to/PORT`` redirects."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        what, _, number = self.path.strip("/").partition("/")
        status, fields = 200, {}
        if what in ("busy", "down"):
            status = 429 if what == "busy" else 503
            fields["Retry-After"] = number
        elif what == "bare":
            status = 429
        elif what == "spent":
            fields["RateLimit"] = f'"a";r=0;t={number}'
        elif what == "to":
            status = 302
            fields["Location"] = f"http://127.0.0.1:{number}/"
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def server() -> Iterator[str]:
    """The server's URL, without a slash at its end."""
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_address[1]}"
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
