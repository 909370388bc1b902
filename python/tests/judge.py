"""Judges logs of grants: was a rate ever exceeded, in any window? It shares no code with tidegate.

A log is a run of records as the project's judge crate writes and reads them, so that workers in
Rust and in Python may be judged together.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from pathlib import Path
from typing import Iterable, NamedTuple

_RECORD = struct.Struct("<QQQQII")


class Grant(NamedTuple):
    """Times are microseconds on the segment's clock."""

    before: int
    at: int
    after: int
    weight: int
    worker: int
    sleeps: int


class Log:
    """One worker's log. A kill loses no grant but the one that is being logged."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)

    def append(self, grant: Grant) -> None:
        os.write(self._file, _RECORD.pack(*grant))


def micros(seconds: float) -> int:
    return round(seconds * 1_000_000)


def read_folder(folder: Path) -> list[Grant]:
    """All grants, by their instants. A torn last record is dropped."""
    grants = []
    for path in folder.iterdir():
        data = path.read_bytes()
        whole = len(data) - len(data) % _RECORD.size
        grants += [Grant(*fields) for fields in _RECORD.iter_unpack(data[:whole])]
    return sorted(grants, key=lambda grant: grant.at)


def worst(grants: Iterable[tuple[int, int]], interval: int) -> int:
    """The most that any half-open window holds, of (instant, weight) by ascending instant."""
    window: deque[tuple[int, int]] = deque()
    held = most = 0
    for at, weight in grants:
        window.append((at, weight))
        held += weight
        while at - window[0][0] >= interval:
            held -= window.popleft()[1]
        most = max(most, held)
    return most


def judge(grants: list[Grant], rates: Iterable[tuple[int, int]]) -> list[int]:
    """The worst window of each rate (limit, microseconds), none of which may be over."""
    outside = [grant for grant in grants if not grant.before <= grant.at <= grant.after]
    assert not outside, f"{len(outside)} grants lie outside their call: {outside[0]}"
    found = []
    for limit, interval in rates:
        most = worst(((grant.at, grant.weight) for grant in grants), interval)
        assert most <= limit, f"{most} in a window of {interval} us, where {limit} is the limit"
        found.append(most)
    return found
