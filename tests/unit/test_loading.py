"""The SDK and local models that cannot be loaded, and requests that cannot be sent."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import threading
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import httpx2
import pytest

from askcli.answerers import loading, local
from askcli.answerers.loading import load
from askcli.answerers.local import LocalAnswerer
from askcli.answerers.messages_api.messages import MessagesClient
from askcli.errors import ProviderFailed
from tests.support.raw_provider import EVENTS, HEAD, REQUEST, Provider, chunk, client_of

ANSWER = HEAD + b"".join(map(chunk, EVENTS)) + b"0\r\n\r\n"


def no_thread(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("can't start new thread")


async def read(client: MessagesClient) -> None:
    async for _ in client.stream(REQUEST):
        pass


def test_an_import_that_fails_leaves_nothing_of_its_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "half_loaded"
    package.mkdir()
    (package / "whole.py").write_text("VALUE = 1")
    # An attribute of a package is set by the import of its part, not by a later one of the package.
    (package / "__init__.py").write_text(
        "import half_loaded.whole, half_loaded.failing; VALUE = half_loaded.whole.VALUE"
    )
    (tmp_path / "others.py").write_text("")
    (package / "failing.py").write_text(
        "import threading\n"
        "other = threading.Thread(target=__import__, args=['others'])\n"
        "other.start(), other.join()\n"
        "raise OSError('Too many open files')"
    )
    with pytest.raises(OSError, match="Too many"):
        load("half_loaded")
    assert not [name for name in sys.modules if name.startswith("half_loaded")]
    assert "others" in sys.modules  # another thread's
    (package / "failing.py").write_text("REPAIRED = True")
    module = load("half_loaded")
    assert module.VALUE == 1


@pytest.mark.parametrize(
    "failure",
    [
        "raise MemoryError",
        "raise SystemError",
        "try: raise MemoryError\nfinally: import missing_one",
    ],
)
def test_an_import_that_lacks_memory_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    """Compiled modules stay as they are, and the next import of one may end the process."""
    monkeypatch.setattr(loading, "_is_spoiled", threading.Event())
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "compiled.py").write_text(failure)
    with pytest.raises((MemoryError, SystemError, ImportError)):
        load("compiled")
    assert loading.is_spoiled()
    (tmp_path / "compiled.py").write_text("")
    with pytest.raises(MemoryError, match="only another process"):
        load("compiled")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_request_that_lacks_a_thread_is_not_sent_and_not_billed(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> None:
        provider = Provider(ANSWER)
        async with client_of(provider, host) as client, asyncio.timeout(30):
            await client.open()
            with monkeypatch.context() as patch:
                # The SDK looks up its platform in a thread, aiohttp a name.
                loop = asyncio.get_running_loop()
                where, what = (
                    (loop, "getaddrinfo") if host == "localhost" else (asyncio, "to_thread")
                )
                patch.setattr(where, what, no_thread)
                with pytest.raises(ProviderFailed, match="could not send") as raised:
                    await read(client)
            assert not raised.value.may_be_billed
            assert not provider.requests
            await read(client)
            assert len(provider.requests) == 1
        await provider.closed.wait()

    asyncio.run(ask())


def test_a_later_request_that_lacks_a_connection_is_not_billed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def ask() -> None:
        provider = Provider(
            ANSWER.replace(b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\nconnection: close")
        )
        async with client_of(provider) as client, asyncio.timeout(30):
            await read(client)
            with monkeypatch.context() as patch:
                patch.setattr(socket, "socket", no_thread)
                with pytest.raises(ProviderFailed) as raised:
                    await read(client)
            assert not raised.value.may_be_billed
            assert len(provider.heads) == 1
        await provider.closed.wait()

    asyncio.run(ask())


@pytest.mark.parametrize("fault", ["thread", "import"])
def test_a_local_model_that_cannot_be_loaded_is_told_and_tried_again(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.gguf").touch()
    choice: Any = SimpleNamespace(
        name="m", path=tmp_path / "model.gguf", model=None, context=1, exists=lambda: True
    )

    async def fail() -> None:
        answerer = LocalAnswerer(choice)
        with monkeypatch.context() as patch:
            if fault == "thread":
                patch.setattr(threading.Thread, "start", no_thread)
            else:
                patch.setitem(sys.modules, "xllamacpp", None)
            for attempt in (answerer.warm(), anext(answerer.stream(REQUEST))):
                with pytest.raises(ProviderFailed, match="cannot be loaded"):
                    await attempt

    asyncio.run(fail())


def test_a_local_model_is_loaded_once_though_who_waits_for_it_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice: Any = SimpleNamespace(name="m", path=tmp_path, model=None, exists=lambda: True)
    begun, go_on = list[str](), threading.Event()
    has_begun = threading.Event()

    def load_slowly(*_: object) -> SimpleNamespace:
        begun.append("a load")
        has_begun.set()
        assert go_on.wait(30)
        return SimpleNamespace(listening_address="http://127.0.0.1:1")

    monkeypatch.setattr(local, "_load", load_slowly)

    async def ask() -> None:
        answerer = LocalAnswerer(choice)
        cancelled = asyncio.create_task(answerer.warm())
        await asyncio.to_thread(has_begun.wait, 30)
        cancelled.cancel()
        next_one = asyncio.create_task(answerer.warm())
        await asyncio.wait([next_one], timeout=0.1)
        go_on.set()
        await next_one
        assert answerer.is_loaded
        await answerer.close()

    asyncio.run(ask())
    assert begun == ["a load"]


def test_what_later_requests_are_made_of_holds_no_question(monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[weakref.ref[httpx2.Request]] = []

    class Request(httpx2.Request):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            requests.append(weakref.ref(self))

    async def ask() -> None:
        provider = Provider(ANSWER)
        async with client_of(provider) as client, asyncio.timeout(30):
            await client.open()
            monkeypatch.setattr("httpx2._client.Request", Request)
            await read(client)
            gc.collect()
            assert [request() for request in requests] == [None]
        await provider.closed.wait()

    asyncio.run(ask())
