from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.parse import urlsplit

import pytest
from judge import micros, worst
from server import server

import tidegate
from tidegate import Limiter
from tidegate._client import host_of

aiohttp = pytest.importorskip("aiohttp")
httpx = pytest.importorskip("httpx")
requests = pytest.importorskip("requests")

from tidegate.aiohttp import RateLimitMiddleware, rate_limited_session  # noqa: E402
from tidegate.httpx import AsyncRateLimitTransport, RateLimitTransport  # noqa: E402
from tidegate.requests import RateLimitAdapter, RateLimitedSession  # noqa: E402


def by_requests(limiter: Limiter, url: str, **options: Any) -> int:
    with RateLimitedSession(limiter, **options) as session:
        return session.get(url).status_code


def by_httpx(limiter: Limiter, url: str, **options: Any) -> int:
    with httpx.Client(transport=RateLimitTransport(limiter, **options)) as client:
        return int(client.get(url, follow_redirects=True).status_code)


def by_async_httpx(limiter: Limiter, url: str, **options: Any) -> int:
    async def main() -> int:
        transport = AsyncRateLimitTransport(limiter, **options)
        async with httpx.AsyncClient(transport=transport) as client:
            return int((await client.get(url, follow_redirects=True)).status_code)

    return asyncio.run(main())


def by_aiohttp(limiter: Limiter, url: str, **options: Any) -> int:
    async def main() -> int:
        middleware = RateLimitMiddleware(limiter, **options)
        async with aiohttp.ClientSession(middlewares=[middleware]) as session:
            async with session.get(url) as response:
                return int(response.status)

    return asyncio.run(main())


Ask = Callable[..., int]
CLIENTS = [by_requests, by_httpx, by_async_httpx, by_aiohttp]
pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def site() -> Iterator[str]:
    with server() as url:
        yield url


def host(url: str) -> str:
    return urlsplit(url).netloc


@pytest.mark.parametrize("ask", CLIENTS)
def test_each_host_is_limited_by_itself_and_who_gets_no_permit_is_not_sent(
    ask: Ask, site: str
) -> None:
    limiter = Limiter("2/h", keys=10)
    with server() as other:
        assert [ask(limiter, site + "/"), ask(limiter, site + "/")] == [200, 200]
        with pytest.raises(tidegate.Limited) as refused:
            ask(limiter, site + "/", timeout=0)
        assert refused.value.retry_after > 3000
        assert ask(limiter, other + "/", timeout=0) == 200
        assert limiter.count(host(site)) == 2 and limiter.count(host(other)) == 1


@pytest.mark.parametrize("ask", CLIENTS)
def test_a_host_that_asks_to_be_left_alone_is_paused_for_all(
    ask: Ask, site: str, name: str
) -> None:
    limiter = Limiter.shared(name, "1000/s", keys=10)
    elsewhere = Limiter.shared(name, "1000/s", keys=10)
    key = host(site)
    for path, status in (("/busy/1200", 429), ("/down/1200", 503)):
        assert ask(limiter, site + path) == status
        assert 1000 < elsewhere.waiting(key) <= 1200
        assert elsewhere.waiting("other") == 0
        with pytest.raises(tidegate.Limited):
            ask(elsewhere, site + "/", timeout=0)
        assert elsewhere.resume(key)
    assert ask(limiter, site + "/busy/1200", longest_pause=5) == 429
    assert 0 < elsewhere.waiting(key) <= 5
    elsewhere.resume(key)
    for path, options in (("/bare", {}), ("/spent/99", {}), ("/busy/soon", {})):
        ask(limiter, site + path, **options)
        assert elsewhere.waiting(key) == 0, path
    assert ask(limiter, site + "/bare", default_pause=50) == 429
    assert 40 < elsewhere.waiting(key) <= 50
    elsewhere.resume(key)
    assert ask(limiter, site + "/spent/99", heed_all=True) == 200
    assert 90 < elsewhere.waiting(key) <= 99


@pytest.mark.parametrize("ask", CLIENTS)
def test_redirects_take_permits_of_the_host_that_they_lead_to(ask: Ask, site: str) -> None:
    limiter = Limiter("5/h", keys=10)
    with server() as other:
        port = urlsplit(other).port
        assert ask(limiter, f"{site}/to/{port}") == 200
        assert limiter.count(host(site)) == limiter.count(host(other)) == 1


@pytest.mark.parametrize("ask", CLIENTS)
def test_requests_are_limited_by_a_key_and_weight_of_ones_own(ask: Ask, site: str) -> None:
    limiter = Limiter("5/h", keys=10)
    key = lambda request: None if str(request.url).endswith("/free") else b"api"  # noqa: E731
    options = {"key": key, "weight": lambda request: 3, "timeout": 0}
    assert ask(limiter, site + "/", **options) == 200
    assert limiter.count("api") == 3
    with pytest.raises(tidegate.Limited):
        ask(limiter, site + "/", **options)
    assert ask(limiter, site + "/free", **options) == 200


def test_a_host_is_one_key_however_it_is_written() -> None:
    for url, key in (
        ("http://example.com/", "example.com"),
        ("https://Example.COM:443/tides?of=today", "example.com"),
        ("http://user:secret@example.com:80", "example.com"),
        ("http://example.com:443/", "example.com:443"),
        ("http://[::1]:3000/", "[::1]:3000"),
        ("http://[::1]/", "[::1]"),
        ("nonsense", ""),
    ):
        assert host_of(url) == key


def test_an_adapter_is_mounted_on_some_sites_and_a_session_takes_other_middlewares(
    site: str,
) -> None:
    limiter = Limiter("1/h", keys=10)
    with requests.Session() as session:
        session.mount(site, RateLimitAdapter(limiter, timeout=0, pool_maxsize=3))
        assert session.get(site).status_code == 200
        with pytest.raises(tidegate.Limited):
            session.get(site)
    tries = []

    async def twice(request: Any, handler: Any) -> Any:
        (await handler(request)).release()
        tries.append(request)
        return await handler(request)

    async def main() -> None:
        many = Limiter("9/h", keys=10)
        async with rate_limited_session(many, middlewares=[twice]) as session:
            (await session.get(site)).release()
        assert many.count() == 2 and len(tries) == 1

    asyncio.run(main())


SPIDER = """
import scrapy

class Spider(scrapy.Spider):
    name = "tides"

    async def start(self):
        for page in range(15):
            yield scrapy.Request(f"{self.site}/?{page}")

    def parse(self, response):
        yield {"at": response.meta["tidegate_at"]}
"""


@pytest.mark.parametrize("reactor", ["asyncio", "select"])
def test_spiders_of_several_processes_share_one_limit_for_a_site(
    site: str, name: str, tmp_path: Path, reactor: str
) -> None:
    pytest.importorskip("scrapy")
    (tmp_path / "spider.py").write_text(SPIDER)
    settings = {
        "DOWNLOADER_MIDDLEWARES": '{"tidegate.scrapy.RateLimitMiddleware": 950}',
        "TIDEGATE_NAME": name,
        "TIDEGATE_RATES": "10/500ms",
        "TIDEGATE_QUEUE": "4",
        "TELNETCONSOLE_ENABLED": "0",
        "DOWNLOAD_DELAY": "0",
        "CONCURRENT_REQUESTS_PER_DOMAIN": "16",
        "LOG_LEVEL": "ERROR",
    }
    if reactor == "select":
        settings["TWISTED_REACTOR"] = "twisted.internet.selectreactor.SelectReactor"
    command = [sys.executable, "-m", "scrapy", "runspider", "spider.py", "-a", f"site={site}"]
    for setting, value in settings.items():
        command += ["-s", f"{setting}={value}"]
    spiders = [
        subprocess.Popen([*command, "-o", f"{number}.jsonl"], cwd=tmp_path, env=os.environ)
        for number in range(2)
    ]
    assert [spider.wait(120) for spider in spiders] == [0, 0]
    items = [
        json.loads(line)["at"]
        for number in range(2)
        for line in (tmp_path / f"{number}.jsonl").read_text().splitlines()
    ]
    assert len(items) == 30
    assert worst([(micros(at), 1) for at in sorted(items)], 500_000) <= 10
