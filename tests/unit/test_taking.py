"""Which clients take nothing of what is sent to them, and lose their streams for it."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import ExitStack, suppress
from typing import Any, cast
from unittest.mock import Mock
from uuid import uuid4

import pytest

from askcli.errors import TooManyStreams
from askcli.server.protocol.taking import Taking
from askcli.services.runs.open_streams import OpenStreams
from tests.support.raw_http import lose
from tests.support.waiting import eventually


class Connection:
    """A TCP connection that a server writes to: its transport."""

    def __init__(self, stack: ExitStack) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.client = stack.enter_context(socket.create_connection(listening.getsockname()))
            self.server = stack.enter_context(listening.accept()[0])
        self.server.setblocking(False)
        self.is_aborted = False
        self._taking = Taking(cast(asyncio.Transport, self), Mock())

    def get_extra_info(self, _: str) -> socket.socket:
        return self.server

    def abort(self) -> None:
        self.is_aborted = True

    def write(self, size: int = 10) -> None:
        with suppress(BlockingIOError):
            self.server.sendall(b"x" * size)

    def take(self) -> None:
        self.client.recv(100)

    def abort_if_untaken(self) -> bool:
        return self._taking.abort_if_untaken()


def test_clients_that_are_gone_or_read_nothing_are_told_from_those_that_read() -> None:
    with ExitStack() as stack:
        gone, stopped, slow, silent = (Connection(stack) for _ in range(4))
        lose(gone.client)
        stopped.write(20_000_000)  # more than the kernel keeps
        gone.write()

        def both_are_found() -> bool:
            slow.write()
            slow.take()
            assert not slow.abort_if_untaken()
            assert not silent.abort_if_untaken()
            time.sleep(0.05)
            return all([gone.abort_if_untaken(), stopped.abort_if_untaken()])

        assert not gone.abort_if_untaken()  # at once: a packet may be on its way
        eventually(both_are_found)
        assert (gone.is_aborted, stopped.is_aborted) == (True, True)
        assert (slow.is_aborted, silent.is_aborted) == (False, False)


def test_nothing_is_known_of_a_local_client() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        transport: Any = Mock(get_extra_info=Mock(return_value=ours))
        assert not Taking(transport, Mock()).abort_if_untaken()


def test_a_new_stream_takes_the_place_of_the_oldest_untaken_one() -> None:
    streams, alice, bob = OpenStreams(most=3), uuid4(), uuid4()
    untaken: set[str] = set()
    ended: list[str] = []

    def end_if_untaken(name: str) -> bool:
        if name in untaken:
            ended.append(name)
        return name in untaken

    with ExitStack() as stack:
        opened: dict[str, ExitStack] = {}

        def open_stream(name: str) -> None:
            opened[name] = stack.enter_context(ExitStack())
            user = bob if name == "bob's" else alice
            opened[name].enter_context(streams.one(user, lambda: end_if_untaken(name)))

        for name in ("bob's", "a", "b", "c"):
            open_stream(name)
        with pytest.raises(TooManyStreams) as refused:
            open_stream("d")
        assert refused.value.retry_after
        untaken |= {"b", "c", "bob's"}
        open_stream("e")
        assert ended == ["b"]
        opened["b"].close()  # its end frees no second place
        untaken.clear()
        with pytest.raises(TooManyStreams):
            open_stream("f")
        opened["a"].close()
        open_stream("g")
    with streams.one(alice, lambda: False), streams.one(alice, lambda: False):
        pass
