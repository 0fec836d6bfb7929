"""Listening sockets of a server process.

libuv takes one connection from a listening socket each time that the event loop goes round. In a
process that sends a thousand streams that is every tenth of a second, and new clients would wait
for as many turns as there are others before them. So the loop has the same socket several times.
"""

from __future__ import annotations

import socket

BACKLOG = 2048  # connections that the system keeps until they are taken
TAKEN_AT_ONCE = 16


def listeners(sock: socket.socket) -> list[socket.socket]:
    """Return the socket and copies of it, from which together so many connections are taken."""
    # First: a copy is made to block where this one does, and so are those of all other workers.
    sock.setblocking(False)
    return [sock, *(sock.dup() for _ in range(1, TAKEN_AT_ONCE))]
