"""What a server keeps of a connection that its client resets after a response."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import weakref
from typing import Any

import uvicorn
import uvloop
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from askcli.server.protocol.connections import Connections
from askcli.server.protocol.protocol import BoundedProtocol

GET = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
RESET = struct.pack("ii", 1, 0)  # the end of the connection is a reset


async def app(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("yes")(scope, receive, send)


app.state = type("State", (), {"connections": Connections(10)})  # type: ignore[attr-defined]


def read_to_end_of_response(client: socket.socket) -> None:
    client.settimeout(10)
    received = b""
    while not received.endswith(b"yes"):
        received += client.recv(4096)


def test_nothing_is_kept_of_a_connection_that_its_client_resets() -> None:
    """Its last request, whose head may have 32 KiB, was kept as long as an idle connection."""

    async def scenario() -> None:
        loop, lost = asyncio.get_running_loop(), asyncio.Event()
        made, errors = list[Any](), list[Exception | None]()
        config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None)
        config.load()

        class Protocol(BoundedProtocol):
            def connection_lost(self, exc: Exception | None) -> None:
                errors.append(exc)
                super().connection_lost(exc)
                lost.set()

        def protocol() -> Protocol:
            one = Protocol(config, ServerState(), {}, loop)
            made.append(weakref.ref(one))
            return one

        server = await loop.create_server(protocol, "127.0.0.1", 0)
        client = socket.create_connection(server.sockets[0].getsockname())
        client.sendall(GET)
        await asyncio.to_thread(read_to_end_of_response, client)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()
        await lost.wait()
        server.close()
        await asyncio.sleep(0)  # what has called it has returned
        gc.collect()
        assert isinstance(errors[0], ConnectionResetError)
        assert made[0]() is None

    uvloop.run(scenario())
