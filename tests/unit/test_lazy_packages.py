"""Packages whose modules are loaded by the names that are used of them."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from askcli.answerers.lazy_packages import load_lazily

# What is loaded of the SDK, and what requests load besides: answered, failed, and not sent.
LOADED = """
import asyncio, sys
from askcli.answerers import lazy_packages
from askcli.answerers.messages_api.messages import MessagesClient
from askcli.errors import ProviderFailed
from tests.support.raw_provider import EVENTS, HEAD, REQUEST, Provider, chunk, client_of

ENDED = b"".join(map(chunk, EVENTS)) + b"0\\r\\n\\r\\n"
ERROR = chunk(b'event: error\\ndata: {"type":"error","error":{"type":"overloaded_error"}}\\n\\n')
FAILED = b"HTTP/1.1 429 Too Many\\r\\ncontent-length: 2\\r\\nretry-after: 3\\r\\n\\r\\n{}"

def loaded():
    return {name for name in sys.modules if name.partition(".")[0] == "anthropic"}

async def ask(client):
    before = loaded()
    try:
        print(len([piece async for piece in client.stream(REQUEST)]), file=sys.stderr)
    except ProviderFailed as error:
        print(type(error).__name__, file=sys.stderr)
    print(*sorted(loaded() - before), end="")

async def main():
    unreachable = MessagesClient("key", "http://127.0.0.1:9", 1)
    await unreachable.open()
    print(len(loaded()), end=" ")
    await ask(unreachable)
    await unreachable.close()
    for response in (HEAD + ERROR, FAILED, HEAD + ENDED):
        async with client_of(Provider(response)) as client:
            await ask(client)
            await ask(client)

SETUP
asyncio.run(main())
"""


def counted(setup: str = "") -> tuple[list[str], str]:
    """How many modules are loaded, and which ones besides; what was told of the requests."""
    code = LOADED.replace("SETUP", setup)
    done = subprocess.run([sys.executable, "-c", code], **TOLD)
    return done.stdout.split(), done.stderr


TOLD: Any = {"capture_output": True, "text": True, "timeout": 60, "check": True}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    for name in [name for name in sys.modules if name.startswith("gathered")]:
        monkeypatch.delitem(sys.modules, name)
    folder = tmp_path / "gathered"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "from .one import ONE as FIRST\nfrom .inner import TWO\nfrom .three import *\nOWN = 4\n"
    )
    (folder / "one.py").write_text("from gathered.inner import TWO\nONE = 1\n")
    (folder / "inner" / "__init__.py").write_text("from .two import TWO\nfrom .unused import X\n")
    (folder / "inner" / "two.py").write_text("TWO = 2\n")
    (folder / "inner" / "unused.py").write_text("X = 0\n")
    (folder / "three.py").write_text("THREE = 3\n")
    load_lazily("gathered")
    return folder


def loaded() -> set[str]:
    return {name.removeprefix("gathered.") for name in sys.modules if name.startswith("gathered.")}


def test_a_name_loads_the_modules_that_it_needs(package: Path) -> None:
    module = import_module(package.name)
    assert not loaded()
    assert module.FIRST == 1
    assert loaded() == {"one", "inner", "inner.two"}
    assert module.inner.TWO == module.TWO == 2


def test_a_module_is_found_by_its_own_name(package: Path) -> None:
    assert import_module(package.name).three.THREE == 3
    assert loaded() == {"three"}


def test_what_a_package_defines_itself_is_not_found(package: Path) -> None:
    module = import_module(package.name)
    for name in ("OWN", "THREE"):
        with pytest.raises(AttributeError, match="loaded lazily"):
            getattr(module, name)


def test_an_import_that_fails_is_tried_again(package: Path) -> None:
    module = import_module(package.name)
    (package / "one.py").write_text("raise OSError('Too many open files')")
    with pytest.raises(OSError, match="Too many"):
        _ = module.FIRST
    (package / "one.py").write_text("ONE = 'repaired'")
    assert module.FIRST == "repaired"


def test_requests_load_nothing_more_of_the_sdk_of_which_a_third_is_loaded() -> None:
    (count, *more), told = counted()
    assert told.split() == ["ProviderFailed", *["ProviderOverloaded"] * 4, "4", "4"]
    assert not more
    assert int(count) < 1_500  # 3,154 with all that it has for others


def test_an_sdk_that_cannot_be_loaded_lazily_is_loaded_whole() -> None:
    """Such as a version to come whose packages need others to be loaded before them."""
    (count, *_), told = counted("lazy_packages._origins = lambda _: {}")
    assert "the SDK is loaded whole: ImportError" in told
    assert int(count) > 3_000
