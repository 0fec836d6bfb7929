"""Packages whose modules are loaded by the names that are used of them."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from askcli.answerers.lazy_packages import load_lazily

# What is loaded of the SDK, and what the first request and its failure load besides.
LOADED = """
import asyncio, sys
from askcli.answerers.base import Message, Request
from askcli.answerers.messages_api.messages import MessagesClient
from askcli.errors import ProviderFailed

async def ask(client):
    try:
        await anext(client.stream(Request("m", (Message("user", "hi"),), None, 1)))
    except ProviderFailed as error:
        return error.detail

def loaded():
    return {name for name in sys.modules if name.partition(".")[0] == "anthropic"}

async def main():
    client = MessagesClient("key", "http://127.0.0.1:9", 1)
    await client.open()
    before = loaded()
    print(await ask(client), file=sys.stderr)
    await client.close()
    print(len(before), *sorted(loaded() - before))

asyncio.run(main())
"""


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


@pytest.mark.parametrize(("name", "value"), [("OWN", 4), ("THREE", 3)])
def test_what_a_package_defines_itself_is_found_by_its_whole_init(
    package: Path, name: str, value: int
) -> None:
    module = import_module(package.name)
    assert getattr(module, name) == value
    assert loaded() == {"one", "inner", "inner.two", "three"}
    with pytest.raises(AttributeError, match="NEITHER"):
        _ = module.NEITHER


def test_an_import_that_fails_is_tried_again(package: Path) -> None:
    module = import_module(package.name)
    (package / "one.py").write_text("raise OSError('Too many open files')")
    with pytest.raises(OSError, match="Too many"):
        _ = module.FIRST
    (package / "one.py").write_text("ONE = 'repaired'")
    assert module.FIRST == "repaired"


def test_a_question_loads_nothing_more_of_the_sdk_whose_beta_api_is_not_loaded_whole() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=60, check=True
    )
    assert "cannot be reached" in done.stderr
    count, *more = done.stdout.split()
    assert not more
    assert int(count) < 1_500  # 3,154 with all that it has for others
