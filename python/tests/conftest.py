from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Callable, Iterator

import pytest

import tidegate
from tidegate import Limiter

_numbers = itertools.count()


@pytest.fixture(autouse=True, scope="session")
def installed() -> None:
    """What is tested is the wheel, and not the source tree."""
    assert "site-packages" in Path(tidegate.__file__).parts, tidegate.__file__


@pytest.fixture
def name() -> Iterator[str]:
    """The name of a segment of this test's own."""
    name = f"python-test.{os.getpid()}.{next(_numbers)}"
    yield name
    tidegate.remove(name)


@pytest.fixture
def full() -> Callable[..., Limiter]:
    """Makes a limiter whose only permit of a minute is taken."""

    def make(name: str = "") -> Limiter:
        limiter = Limiter.shared(name, "1/m") if name else Limiter("1/m")
        assert limiter.try_acquire()
        return limiter

    return make
