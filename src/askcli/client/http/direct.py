"""HTTP to a server on this machine by the standard library, over loopback or a Unix socket.

No proxy and no TLS is on the way, so httpcore2, which httpx2 would load for them, is not needed: it
takes a sixth of the time in which a short question is asked.
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

import httpx2

from askcli.client.http import heads, network
from askcli.settings.loopback import LOCALHOST, is_localhost

CHUNK_BYTES = 65_536
IDLE_SECONDS = 5.0  # httpx2's own


class DirectTransport(httpx2.BaseTransport):
    """Connections to one server, kept for the next requests."""

    def __init__(self, url: str, path: Path | None) -> None:
        """`path` is that of the Unix socket, None for TCP."""
        self._url = httpx2.URL(url)
        self._path = path
        self._idle: list[tuple[float, _Connection]] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request. Raises httpx2's errors."""
        timeouts: dict[str, float | None] = request.extensions["timeout"]
        connection = self._kept() or self._connected(timeouts["connect"])
        try:
            with _raising():
                connection.sock.limit = timeouts["read"]
                response = _exchanged(connection, request)
        except BaseException:
            connection.close()
            raise
        headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in response.getheaders()]
        return httpx2.Response(
            response.status, headers=headers, stream=_Body(response, connection, self._idle)
        )

    def close(self) -> None:
        """Close the connections."""
        for _, connection in self._taken():
            connection.close()

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

    def _connected(self, seconds: float | None) -> _Connection:
        connection = _Connection(self._url, self._path, seconds)
        try:
            connection.connect()
        except TimeoutError as error:
            raise httpx2.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpx2.ConnectError(str(error)) from error
        return connection


class _Socket(socket.socket):
    """A socket on which all that is sent and received takes at most the limit."""

    limit: float | None = None

    def recv_into(self, *arguments: Any) -> int:
        self.settimeout(network.left(self.limit))
        return super().recv_into(*arguments)

    def sendall(self, *arguments: Any) -> None:
        self.settimeout(network.left(self.limit))
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
    response_class = _Response

    def __init__(self, url: httpx2.URL, path: Path | None, seconds: float | None) -> None:
        # Not every resolver knows the other names of this machine, or keeps them to it.
        host = LOCALHOST if is_localhost(url.host) else url.host
        super().__init__(host, url.port or 80, timeout=seconds)
        self._path = path

    def connect(self) -> None:
        if self._path is None:
            super().connect()
            self.sock = _Socket(fileno=self.sock.detach())
            return
        self.sock = _Socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(str(self._path))
        except BaseException:
            self.close()
            raise


class _Body(httpx2.SyncByteStream):
    """The body of a response; its connection is kept when it has been read to its end."""

    def __init__(self, response: HTTPResponse, connection: _Connection, idle: list[Any]) -> None:
        self._response = response
        self._connection = connection
        self._idle = idle
        self._is_whole = False

    def __iter__(self) -> Iterator[bytes]:
        with _raising():
            while chunk := self._response.read1(CHUNK_BYTES):
                yield chunk
        if self._response.length:
            raise httpx2.RemoteProtocolError("the response was cut off.")
        self._is_whole = True

    def close(self) -> None:
        self._response.close()
        if self._is_whole and not self._response.will_close:
            self._idle.append((time.monotonic(), self._connection))
        else:
            self._connection.close()


def _exchanged(connection: _Connection, request: httpx2.Request) -> HTTPResponse:
    target = request.url.raw_path.decode("ascii")
    # A server that refuses a request may close the connection before it has read the body.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.request(
            request.method, target, body=request.read() or None, headers=dict(request.headers)
        )
    return connection.getresponse()


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
    """Raise the errors of an exchange as httpx2's."""
    try:
        yield
    except TimeoutError as error:
        raise httpx2.ReadTimeout(str(error)) from error
    except HTTPException as error:
        raise httpx2.RemoteProtocolError(str(error)) from error
    except OSError as error:
        raise httpx2.ReadError(str(error)) from error
