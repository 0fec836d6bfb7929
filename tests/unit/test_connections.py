"""Which connection is closed for a new one, and what a server without free files responds."""

from __future__ import annotations

import asyncio
import errno
import json
from types import SimpleNamespace
from typing import Any

import pytest

from askcli.server import problems
from askcli.server.protocol.connections import Connections


class FakeConnection:
    """A connection of a site, idle or not."""

    def __init__(self, site: str, *, idle: bool = True) -> None:
        self.client: tuple[str, int] | None = (site, 1)
        self.looks = 0
        self.transport: Any = self
        self.is_open = True
        self._idle = idle

    def is_idle(self) -> bool:
        self.looks += 1
        return self._idle

    def become_idle(self) -> None:
        self._idle = True

    def abort(self) -> None:
        self.is_open = False


def test_a_site_with_fewer_connections_loses_none() -> None:
    connections = Connections(4)
    lone, busy = FakeConnection("few"), FakeConnection("many", idle=False)
    first, second = FakeConnection("many"), FakeConnection("many")
    for connection in (lone, busy, first, second):
        assert connections.add(connection)
    connections.is_waiting(first)
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


def test_at_the_bound_few_connections_are_looked_at_for_a_new_one() -> None:
    connections = Connections(1000)
    others = [FakeConnection("many", idle=number >= 900) for number in range(1000)]
    for connection in others:
        assert connections.add(connection)
    for number in range(100):
        assert connections.add(FakeConnection(f"new {number}"))
    assert [other.is_open for other in others] == [True] * 900 + [False] * 100
    assert max(other.looks for other in others) == 1
    others[0].become_idle()
    connections.is_waiting(others[0])
    assert connections.add(FakeConnection("another"))
    assert not others[0].is_open
    for connection in others:
        connections.discard(connection)
    assert connections._counts["many"] == 0
    assert "many" not in connections._idle
    assert "many" not in connections._rank_of


def test_others_connections_take_no_place_of_a_trusted_proxys() -> None:
    connections = Connections(4, ["10.0.0.0/8"])
    proxys = [FakeConnection("10.1.2.3"), FakeConnection("10.4.5.6"), FakeConnection("10.7.8.9")]
    other = FakeConnection("192.0.2.1")
    for connection in (*proxys, other):
        assert connections.add(connection)
    busy = FakeConnection("198.51.100.1", idle=False)
    assert connections.add(busy)
    assert [c.is_open for c in (*proxys, other)] == [True, True, True, False]
    assert not connections.add(FakeConnection("203.0.113.1"))
    assert connections.add(FakeConnection("10.1.2.4"))  # only one of their own
    assert [c.is_open for c in (*proxys, busy)] == [False, True, True, True]


def test_too_many_open_files_are_told() -> None:
    request: Any = SimpleNamespace(state=SimpleNamespace(request_id="id"))
    for number in (errno.EMFILE, errno.ENFILE):
        response = asyncio.run(problems._handle_os_error(request, OSError(number, "")))
        assert response.status_code == 503
        assert "retry-after" in response.headers
        assert "open" in json.loads(bytes(response.body))["detail"]
    with pytest.raises(OSError, match="else"):
        asyncio.run(problems._handle_os_error(request, OSError(errno.EIO, "something else")))
