"""Connections to a PostgreSQL that takes them and does not answer."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Iterator

import pytest

from askcli.errors import DatabaseUnavailable
from askcli.services.clock import new_id
from askcli.store.database import Database
from askcli.store.listener import Listener


@pytest.fixture
def _no_collection() -> Iterator[None]:
    """As in a server that has little to do."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collection")
def test_a_connection_that_is_given_up_is_closed() -> None:
    """Both those of units and the one that listens; another host of the URL has refused them."""

    async def scenario(server: socket.socket) -> None:
        port = server.getsockname()[1]
        database = Database(f"postgresql://user@127.0.0.1:9,127.0.0.1:{port}/name")
        listening = asyncio.create_task(Listener(database, new_id()).run())
        with pytest.raises(DatabaseUnavailable):
            await database.read(lambda _: None)
        for _ in range(2):
            await asyncio.to_thread(wait_for_end, server.accept()[0])
        listening.cancel()
        database.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        asyncio.run(scenario(server))


def wait_for_end(peer: socket.socket) -> None:
    with peer:
        peer.settimeout(10)
        while peer.recv(4096):
            pass
