"""HTTP by hand, for what no client library sends."""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Sequence

import psutil
import pytest

from tests.support.processes import ServerProcess

_SO_ATTACH_FILTER = 26


def connection(
    server: ServerProcess, window: int | None = None, source: str | None = None
) -> socket.socket:
    """A connection from `source`; `window` is about how many bytes wait for its reader."""
    host, port = server.url.removeprefix("http://").split(":")
    sock = socket.socket()
    if window is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    if source is not None:
        sock.bind((source, 0))
    sock.settimeout(30)
    sock.connect((host, int(port)))
    return sock


def answer_to(server: ServerProcess, *parts: bytes) -> bytes:
    """What the server says until it hangs up."""
    with connection(server) as sock:
        try:
            for part in parts:
                sock.sendall(part)
        except OSError:  # it may have hung up on us already
            pass
        return read_all(sock)


def read_all(sock: socket.socket) -> bytes:
    received = b""
    try:
        while data := sock.recv(65536):
            received += data
    except OSError:
        pass
    return received


def is_open(server: ServerProcess, sock: socket.socket) -> bool:
    """Whether the server still has its end of the connection."""
    return are_open(server, [sock])[0]


def are_open(server: ServerProcess, socks: Sequence[socket.socket]) -> list[bool]:
    """The same of several: one look at all connections of the machine takes milliseconds."""
    connections = psutil.Process(server.pid).net_connections("tcp")
    ports = {connection.raddr.port for connection in connections if connection.raddr}
    return [sock.getsockname()[1] in ports for sock in socks]


def lose(sock: socket.socket) -> None:
    """Let nothing arrive at the socket any more, as when its machine has left the network."""
    drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
    program = struct.pack("HP", 1, ctypes.addressof(drop_all))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    except PermissionError:
        pytest.skip("this kernel lets root alone filter what arrives at a socket")
