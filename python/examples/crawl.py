"""Several processes crawl a real documentation server, pydoc's, under one limit for its host.

    python examples/crawl.py --processes 3 --pages 40        (needs httpx)
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import re
import socket
import subprocess
import sys
import time
from urllib.parse import urljoin

import httpx

import tidegate
from tidegate import Limiter
from tidegate.httpx import AsyncRateLimitTransport

LIMIT = 20
LINK = re.compile(r'href="([a-z_]+\.html)"')


async def crawl(limiter: Limiter, start: str, share: int, of: int, pages: int) -> list[float]:
    """Fetches this process's share of the pages, eight at a time; the instants of its requests."""
    transport = AsyncRateLimitTransport(limiter)
    async with httpx.AsyncClient(transport=transport, timeout=60) as client:
        index = await client.get(start)
        instants = [index.request.extensions["tidegate.permit"].at]
        links = sorted(set(LINK.findall(index.text)))[share::of]
        gate = asyncio.Semaphore(8)

        async def fetch(link: str) -> None:
            async with gate:
                response = await client.get(urljoin(start, link))
                response.raise_for_status()
                instants.append(response.request.extensions["tidegate.permit"].at)

        await asyncio.gather(*(fetch(link) for link in links[: pages - 1]))
    return instants


def work(name: str, start: str, share: int, of: int, pages: int) -> list[float]:
    limiter = Limiter.shared(name, adopt=True)
    return asyncio.run(crawl(limiter, start, share, of, pages))


def serve() -> tuple[subprocess.Popen[bytes], str]:
    """Starts the documentation server on a free port of this machine, and waits until it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "pydoc", "-n", "127.0.0.1", "-p", str(port)]
    # It runs until its input says so, and is stopped when this ends.
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return server, f"http://127.0.0.1:{port}/index.html"
        except OSError:
            time.sleep(0.1)
    server.kill()
    raise SystemExit("the documentation server does not answer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", default=f"crawl.{os.getpid()}")
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--pages", type=int, default=40)
    asked = parser.parse_args()
    server, start = serve()
    # As many may wait for a host as there are requests under way.
    Limiter.shared(asked.name, f"{LIMIT}/s", keys=1000, queue=64)
    try:
        shares = range(asked.processes)
        # So many pages in all: the first processes fetch one more where it does not divide evenly.
        pages = [asked.pages // asked.processes + (i < asked.pages % asked.processes) for i in shares]
        context = multiprocessing.get_context("spawn")
        with context.Pool(asked.processes) as pool:
            jobs = [(asked.name, start, i, asked.processes, pages[i]) for i in shares]
            logs = pool.starmap(work, jobs, chunksize=1)
        at = sorted(round(instant * 1e6) for log in logs for instant in log)
        most = max(sum(0 <= other - first < 1_000_000 for other in at) for first in at)
        assert most <= LIMIT, f"{most} requests in one second"
        told = f"{len(at)} pages by {asked.processes} processes"
        print(f"{told}; at most {most} of them in any second")
    finally:
        server.kill()
        server.wait()
        tidegate.remove(asked.name)


if __name__ == "__main__":
    main()
