"""A downloader middleware for Scrapy: one limit for all spiders of this host, by site.

.. code:: python

    DOWNLOADER_MIDDLEWARES = {"tidegate.scrapy.RateLimitMiddleware": 950}
    TIDEGATE_NAME = "crawl"            # the segment, which all spiders of this host share
    TIDEGATE_RATES = ["2/s"]
    TIDEGATE_KEYS = 10_000             # how many sites; by default 10,000
    TIDEGATE_QUEUE = 64                # how many requests may wait for one site

At 950 it is near the downloader, so that retries and redirects take permits as well, and responses
from the HTTP cache do not. A 429 or 503 that says for how long pauses its site in all processes;
what becomes of that request is up to Scrapy's ``RetryMiddleware``. More requests than the queue
holds wait outside of it, in no order.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Optional

from scrapy.exceptions import NotConfigured
from twisted.internet.task import deferLater

from ._client import Guard
from ._errors import QueueFull
from ._limiter import Limiter

if TYPE_CHECKING:
    from scrapy import Request, Spider
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from typing_extensions import Self

__all__ = ["RateLimitMiddleware"]


class RateLimitMiddleware:
    """Takes permits before each request, and pauses a site that asks for it.

    A request of another key than its host's has it in ``request.meta["tidegate_key"]``; one with
    ``None`` there passes. The instant at which a request was granted is in ``tidegate_at`` there.
    """

    def __init__(self, limiter: Limiter, **options: Any) -> None:
        self._guard: Guard[Request] = Guard(limiter, **options)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        settings = crawler.settings
        name = settings.get("TIDEGATE_NAME")
        if not name:
            raise NotConfigured("TIDEGATE_NAME, the segment's name, is not set")
        rates = settings.getlist("TIDEGATE_RATES")
        if not rates:
            raise NotConfigured("TIDEGATE_RATES is not set: give some, as in ['2/s']")
        limiter = Limiter.shared(
            name,
            rates,
            keys=settings.getint("TIDEGATE_KEYS", 10_000),
            queue=settings.getint("TIDEGATE_QUEUE", 64),
        )
        return cls(limiter)

    async def process_request(self, request: Request, spider: Optional[Spider] = None) -> None:
        key = self._key(request)
        if key is None:
            return
        while True:
            try:
                place = self._guard.limiter.reserve(key)
            except QueueFull as full:
                await _sleep(full.retry_after)
                continue
            with place:
                while (time := place.next_sleep()) is not None:
                    await _sleep(time)
                request.meta["tidegate_at"] = place.keep().at
            return

    def process_response(
        self, request: Request, response: Response, spider: Optional[Spider] = None
    ) -> Response:
        headers = [
            (name, value)
            for name, values in response.headers.items()
            for value in (values if isinstance(values, list) else [values])
        ]
        self._guard.learn(self._key(request), response.status, headers)
        return response

    def _key(self, request: Request) -> Any:
        if "tidegate_key" in request.meta:
            return request.meta["tidegate_key"]
        return self._guard.key(request, request.url)


async def _sleep(seconds: float) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # A reactor that is not asyncio's.
        from twisted.internet import reactor

        await deferLater(reactor, seconds)
    else:
        await asyncio.sleep(seconds)
