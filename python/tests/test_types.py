from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import tidegate

HERE = Path(__file__).parent
MODULES = ["tidegate", "tidegate.requests", "tidegate.httpx", "tidegate.wsgi"]


def mypy(tool: str, *arguments: str, cwd: Path) -> None:
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", tool, *arguments]
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout


def test_the_stubs_are_those_of_the_native_module(tmp_path: Path) -> None:
    mypy("mypy.stubtest", "tidegate._native", cwd=tmp_path)


def test_the_package_and_its_users_are_strictly_typed(tmp_path: Path) -> None:
    users = [str(path) for path in (HERE / "test_asyncio.py", HERE / "workers.py")]
    cache = f"--cache-dir={tmp_path}"
    mypy("mypy", "--strict", cache, "-p", "tidegate", cwd=tmp_path)
    mypy("mypy", "--strict", cache, *users, cwd=HERE)


def test_everything_public_has_a_docstring() -> None:
    for name in tidegate.__all__:
        thing = getattr(tidegate, name)
        assert thing.__doc__, name
        for member, value in vars(thing).items() if isinstance(thing, type) else ():
            if callable(value) and not member.startswith("_"):
                assert value.__doc__, f"{name}.{member}"


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_docstrings_run(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module))
    assert result.failed == 0 and result.attempted > 1
