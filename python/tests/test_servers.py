from __future__ import annotations

import asyncio
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Iterator

import pytest
from judge import micros, worst

import tidegate
from tidegate import Limiter
from tidegate.asgi import RateLimitMiddleware as Asgi
from tidegate.wsgi import RateLimitMiddleware as Wsgi

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def gunicorn(name: str, tmp_path: Path) -> Iterator[int]:
    """The port of the example's site, with four workers."""
    pytest.importorskip("gunicorn")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "--workers", "4", "--bind", f"127.0.0.1:{port}"]
    command += ["--log-level", "error", "--worker-tmp-dir", str(tmp_path), "tides:app"]
    environment = {**os.environ, "SITE_NAME": name, "SITE_RATE": "20/500ms"}
    site = subprocess.Popen(command, cwd=EXAMPLES, env=environment)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                connection.request("GET", "/")
                connection.getresponse().close()
                break
            except OSError:
                assert time.monotonic() < deadline and site.poll() is None
                time.sleep(0.05)
        yield port
    finally:
        site.terminate()
        site.wait(60)


def test_four_gunicorn_workers_hold_one_limit_under_load(gunicorn: int) -> None:
    granted: list[tuple[str, int]] = []
    refused: list[http.client.HTTPResponse] = []
    deadline = time.monotonic() + 60

    def enough() -> bool:
        return len(granted) >= 100 and len({pid for pid, _ in list(granted)}) > 1

    def ask() -> None:
        while not enough() and time.monotonic() < deadline:
            connection = http.client.HTTPConnection("127.0.0.1", gunicorn, timeout=30)
            connection.request("GET", "/")
            response = connection.getresponse()
            if response.status == 200:
                pid, at = response.read().split()
                assert response.headers["ratelimit-policy"] == '"20/500ms";q=20;w=1'
                granted.append((pid.decode(), micros(float(at))))
            else:
                refused.append(response)
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert enough() and len(refused) > 0
    assert worst([(at, 1) for at in sorted(at for _, at in granted)], 500_000) == 20
    for response in refused:
        assert (response.status, response.reason) == (429, "Too Many Requests")
        assert response.headers["retry-after"] == "1"
        assert response.headers["ratelimit"].startswith('"20/500ms";r=0;t=1')


def by_wsgi(limiter: Limiter, ask: dict[str, str], **options: Any) -> tuple[int, dict[str, str]]:
    called: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("x-app", "1")])
        return [b"hello"]

    app_limited = Wsgi(app, limiter, **options)
    body = b"".join(app_limited(dict(ask), lambda *told: called.append(told)))
    status, headers = called[0]
    assert len(called) == 1 and all(type(part) is str for field in headers for part in field)
    assert (b"hello" in body) == status.startswith("200")
    return int(status.split()[0]), dict(headers)


def by_asgi(limiter: Limiter, ask: dict[str, str], **options: Any) -> tuple[int, dict[str, str]]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": [(b"x-app", b"1")]}
        await send(start)
        await send({"type": "http.response.body", "body": b"hello"})

    async def main() -> tuple[int, dict[str, str]]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await Asgi(app, limiter, **options)({"type": "http", **ask}, None, send)
        start, body = sent
        assert (body["body"] == b"hello") == (start["status"] == 200)
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], headers

    return asyncio.run(main())


@pytest.mark.parametrize("call", [by_wsgi, by_asgi])
def test_who_is_refused_is_answered_with_the_headers_and_the_application_is_not_called(
    call: Any,
) -> None:
    limiter = Limiter(["1/m", "9/h"], keys=3)
    by = {"key": lambda request: request["who"]}
    status, headers = call(limiter, {"who": "a"}, **by)
    assert status == 200 and headers["x-app"] == "1"
    assert headers["ratelimit"].startswith('"1/m";r=0;t=60, "9/h";r=8;t=3600')
    status, headers = call(limiter, {"who": "a"}, **by)
    assert status == 429 and "x-app" not in headers
    assert headers["retry-after"] == "60" and headers["ratelimit"].startswith('"1/m";r=0')
    assert call(limiter, {"who": "b"}, **by)[0] == 200
    assert call(limiter, {"who": "c"}, weight=lambda _: 2, **by)[0] == 400
    assert call(limiter, {"who": "c"}, **by)[0] == 200
    assert call(limiter, {"who": "d"}, **by)[0] == 503
    assert call(limiter, {"who": "d"}, fail_open=True, **by)[0] == 200
    assert call(limiter, {"who": "a"}, key=lambda _: None)[0] == 200
    status, headers = call(limiter, {"who": "a"}, silent=True, **by)
    assert status == 429 and "ratelimit" not in headers and headers["retry-after"] == "60"


@pytest.mark.parametrize("call", [by_wsgi, by_asgi])
def test_requests_may_wait_for_their_turn(call: Any) -> None:
    limiter = Limiter("1/200ms")
    assert call(limiter, {})[0] == 200
    assert call(limiter, {}, wait=30)[0] == 200
    assert limiter.count() == 1
    limiter.pause_all(3600)
    assert call(limiter, {}, wait=30)[0] == 429 and limiter.queued() == 0


def test_what_is_no_request_passes_and_a_request_that_is_cancelled_gives_its_place_back() -> None:
    limiter = Limiter("1/h")
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    async def main() -> None:
        site = Asgi(app, limiter, wait=7200)
        await site({"type": "lifespan"}, None, None)
        await site({"type": "websocket"}, None, None)
        await site({"type": "http"}, None, None)
        task = asyncio.create_task(site({"type": "http"}, None, None))
        await asyncio.sleep(0.05)
        assert limiter.queued() == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert limiter.queued() == 0

    asyncio.run(main())
    assert seen == ["lifespan", "websocket", "http"]


def test_a_limiter_that_is_closed_is_answered_503() -> None:
    limiter = Limiter("1/h")
    limiter.close()
    assert by_wsgi(limiter, {})[0] == by_asgi(limiter, {})[0] == 503
    assert by_wsgi(limiter, {}, fail_open=True)[0] == 200
    assert issubclass(tidegate.Closed, tidegate.BucketError)
