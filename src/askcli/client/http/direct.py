"""HTTP to a server on this machine by the standard library, over loopback or a Unix socket.

No proxy and no TLS is on the way, so httpx2, which knows them, is not needed: with what it imports
it takes a quarter of the time in which a short question is asked.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from askcli.client.http import heads
from askcli.client.http.address import HTTP_PORT, Address
from askcli.client.http.exchange import (
    BrokenOff,
    LateResponse,
    NotReached,
    Request,
    Response,
)
from askcli.client.http.limit import Limit
from askcli.settings.loopback import LOCALHOST, is_localhost

CHUNK_BYTES = 65_536
IDLE_SECONDS = 5.0  # httpx2's own


class DirectConnections:
    """Connections to one server, kept for the next requests."""

    def __init__(self, address: Address) -> None:
        url = urlsplit(address.url)
        name = url.hostname or ""
        self._path = address.socket
        # Not every resolver knows the other names of this machine, or keeps them to it.
        self._host = LOCALHOST if is_localhost(name) else name
        self._port = url.port or HTTP_PORT
        self._headers = {"host": url.netloc}
        self._prefix = url.path
        self._idle: list[tuple[float, _Connection]] = []

    def send(self, request: Request) -> Response:
        """Send the request. Raises what `Connections` say."""
        connection = self._kept() or self._connected(request.connect_seconds)
        try:
            with _raising():
                connection.sock.limit = request.limit
                response = self._exchanged(connection, request)
        except BaseException:
            connection.close()
            raise
        return Response(
            response.status, response.getheaders(), _Body(response, connection, self._idle)
        )

    def close(self) -> None:
        """Close the connections."""
        for _, connection in self._taken():
            connection.close()

    def _exchanged(self, connection: _Connection, request: Request) -> HTTPResponse:
        target, headers = self._prefix + request.target, self._headers | request.headers
        # A server that refuses a request may close the connection before it has read the body.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(request.method, target, body=request.body, headers=headers)
        return connection.getresponse()

    def _kept(self) -> _Connection | None:
        for since, connection in self._taken():
            if time.monotonic() - since < IDLE_SECONDS and _is_silent(connection.sock):
                return connection
            connection.close()
        return None

    def _taken(self) -> Iterator[tuple[float, _Connection]]:
        """Yield the idle connections, the latest first, each to one of the threads."""
        with suppress(IndexError):
            while True:
                yield self._idle.pop()

    def _connected(self, seconds: float) -> _Connection:
        connection = _Connection(self._host, self._port, timeout=seconds)
        connection.path = self._path
        try:
            connection.connect()
        except TimeoutError as error:
            raise LateResponse(str(error)) from error
        except OSError as error:
            raise NotReached(str(error)) from error
        return connection


class _Socket(socket.socket):
    """A socket on which all that is sent and received takes at most the limit."""

    limit: Limit

    def recv_into(self, *arguments: Any) -> int:
        self.settimeout(self.limit.next())
        return super().recv_into(*arguments)

    def sendall(self, *arguments: Any) -> None:
        self.settimeout(self.limit.next())
        super().sendall(*arguments)


class _Response(HTTPResponse):
    """A response whose head has come whole, after those of provisional ones.

    http.client takes one that is cut off for all of it, and 103 for the response itself.
    """

    def begin(self) -> None:
        stream = self.fp
        head = heads.read(stream)
        self.fp = io.BufferedReader(io.BytesIO(head))
        try:
            super().begin()
        finally:
            self.fp = stream
        if self.status < 200:  # 101, which is never asked for; or `+103`
            raise HTTPException("the response switches protocols.")


class _Connection(HTTPConnection):
    sock: _Socket
    path: Path | None = None  # of the Unix socket
    response_class = _Response

    def connect(self) -> None:
        if self.path is None:
            super().connect()
            self.sock = _Socket(fileno=self.sock.detach())
            return
        self.sock = _Socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(str(self.path))
        except BaseException:
            self.close()
            raise


class _Body:
    """The body of a response; its connection is kept when it has been read to its end."""

    def __init__(self, response: HTTPResponse, connection: _Connection, idle: list[Any]) -> None:
        self._response = response
        self._connection = connection
        self._idle = idle
        self._is_whole = self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        with _raising():
            while chunk := self._response.read1(CHUNK_BYTES):
                yield chunk
        if self._response.length:
            raise BrokenOff("the response was cut off.")
        self._is_whole = True

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._response.close()
        if self._is_whole and not self._response.will_close:
            self._idle.append((time.monotonic(), self._connection))
        else:
            self._connection.close()


def _is_silent(connection: socket.socket) -> bool:
    """Whether the server has neither closed the connection nor sent anything unasked."""
    connection.settimeout(0)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


@contextmanager
def _raising() -> Iterator[None]:
    """Raise the errors of an exchange as those of `Connections`."""
    try:
        yield
    except TimeoutError as error:
        raise LateResponse(str(error)) from error
    except (OSError, HTTPException) as error:
        raise BrokenOff(str(error)) from error
