"""Which connection is closed for a new one, and what a server without free files responds."""

from __future__ import annotations

import asyncio
import errno
import json
from types import SimpleNamespace
from typing import Any

import pytest

from askcli.server import problems
from askcli.server.http.connections import Connections


class FakeConnection:
    """A connection of a site, idle or not."""

    def __init__(self, site: str, *, idle: bool = True) -> None:
        self.site: str | None = site
        self.transport: Any = self
        self.is_open = True
        self._idle = idle

    def is_idle(self) -> bool:
        return self._idle

    def abort(self) -> None:
        self.is_open = False


def test_a_site_with_fewer_connections_loses_none() -> None:
    connections = Connections(4)
    lone, busy = FakeConnection("few"), FakeConnection("many", idle=False)
    first, second = FakeConnection("many"), FakeConnection("many")
    for connection in (lone, busy, first, second):
        assert connections.add(connection)
    connections.has_responded(first)
    assert connections.add(FakeConnection("new"))
    assert [c.is_open for c in (lone, busy, first, second)] == [True, True, True, False]
    assert connections.add(FakeConnection("many"))
    assert [c.is_open for c in (lone, busy, first)] == [True, True, False]


def test_a_new_connection_is_refused_where_none_may_be_closed() -> None:
    connections = Connections(3)
    lone = FakeConnection("few")
    for connection in (lone, *[FakeConnection("many", idle=False) for _ in range(2)]):
        assert connections.add(connection)
    assert not connections.add(FakeConnection("many"))
    connections.discard(lone)
    assert connections.add(FakeConnection("many"))


def test_too_many_open_files_are_told() -> None:
    request: Any = SimpleNamespace(state=SimpleNamespace(request_id="id"))
    for number in (errno.EMFILE, errno.ENFILE):
        response = asyncio.run(problems._handle_os_error(request, OSError(number, "")))
        assert response.status_code == 503
        assert "retry-after" in response.headers
        assert "open" in json.loads(bytes(response.body))["detail"]
    with pytest.raises(OSError, match="else"):
        asyncio.run(problems._handle_os_error(request, OSError(errno.EIO, "something else")))
