"""A busy event loop takes several new connections at a time, and leaves none behind."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import uvloop

from askcli.server.process.listening import TAKEN_AT_ONCE, listeners

CLIENTS = 4 * TAKEN_AT_ONCE


@contextmanager
def connecting(address: tuple[str, int]) -> Iterator[None]:
    """Have so many clients that the system has connected, and that nobody has taken yet."""
    with ExitStack() as clients:
        for _ in range(CLIENTS):
            clients.enter_context(socket.create_connection(address))
        yield


async def turns_to_take_all() -> int:
    """Return how often the loop goes round until all connections are taken."""
    loop, taken = asyncio.get_running_loop(), list[Any]()
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        loop.call_soon(turn)

    class Client(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            taken.append(transport)

    sock = socket.create_server(("127.0.0.1", 0), backlog=CLIENTS)
    servers = [await loop.create_server(Client, sock=one) for one in listeners(sock)]
    with connecting(sock.getsockname()):
        turn()
        while len(taken) < CLIENTS:
            await asyncio.sleep(0)
    for transport in taken:
        transport.abort()
    for server in servers:
        server.close()
    return turns


def test_new_connections_wait_for_few_turns_of_the_loop() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        turns = runner.run(turns_to_take_all())
    assert turns <= CLIENTS // 2, "as many at a time as there are sockets, but for a few turns"


def test_no_other_worker_is_made_to_wait_for_a_connection() -> None:
    """What is taken in one worker wakes them all, and blocking is of the socket that they share."""
    sock = socket.create_server(("127.0.0.1", 0))
    with sock, sock.dup() as others:
        others.setblocking(False)
        copies = listeners(sock)
        assert [os.get_blocking(one.fileno()) for one in (others, *copies)] == [False] * (
            1 + TAKEN_AT_ONCE
        )
        for copy in copies:
            copy.close()
