"""HTTP to a server on this machine: connections that are kept, lost and cut off."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest

from askcli.client.http.address import Address
from askcli.client.http.direct import DirectConnections
from askcli.client.http.exchange import BrokenOff, LateResponse, Request, Response
from askcli.client.http.limit import Limit
from askcli.client.http.transport import Transport
from askcli.client.login import GivenToken
from askcli.errors import BadResponse, Unreachable

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-name: \xe9\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CUT_OFF = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok"
CUT_OFF_CHUNK = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nok"
UNENDED = b"HTTP/1.1 200 OK\r\n\r\nok"
REFUSED = b"HTTP/1.1 413 No\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno"

pytestmark = pytest.mark.filterwarnings("error")


class Client:
    """Makes requests on connections to one server."""

    def __init__(self, listener: socket.socket, seconds: float = 60) -> None:
        host, port = listener.getsockname()
        self.address = Address(f"http://{host}:{port}")
        self.connections = DirectConnections(self.address)
        self._seconds = seconds

    def sent(self, method: str, body: bytes | None = None) -> Response:
        """Send a request; the response is to be closed."""
        limit = Limit(self._seconds, self._seconds)
        return self.connections.send(Request(method, "/", {}, body, limit))

    def get(self) -> str:
        return self._text("GET")

    def post(self, body: bytes = b"{}") -> str:
        return self._text("POST", body)

    def _text(self, method: str, body: bytes | None = None) -> str:
        with closing(self.sent(method, body)) as response:
            return response.read().decode()


@contextmanager
def serving(*connections: list[bytes]) -> Iterator[Client]:
    """A client of a server that gives these responses on each connection, then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for responses in connections:
                connection, _ = listener.accept()
                with connection:
                    for response in responses:
                        connection.recv(65_536)
                        connection.sendall(response)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        client = Client(listener)
        with closing(client.connections):
            yield client
        thread.join(60)


@pytest.mark.parametrize("response", [OK, CHUNKED])
def test_a_connection_is_kept_for_the_next_request(response: bytes) -> None:
    with serving([response, response, OK]) as client:
        assert [client.get() for _ in range(2)] == ["ok", "ok"]
        with closing(client.sent("POST", b"{}")) as posted:
            assert posted.header("x-name") == "é"


def test_a_response_that_is_closed_twice_gives_its_connection_back_once() -> None:
    with serving([OK]) as client:
        response = client.sent("GET")
        assert response.read() == b"ok"
        for _ in range(2):
            response.close()
        assert len(client.connections._idle) == 1


def test_a_connection_that_the_server_has_closed_is_not_used_again() -> None:
    with serving([OK], [OK]) as client:
        assert client.post() == "ok"
        for _ in range(1000):  # until the server's end has come
            (_, connection) = client.connections._idle[0]
            connection.sock.settimeout(60)
            with suppress(OSError):
                assert connection.sock.recv(1, socket.MSG_PEEK) == b""
                break
        assert client.post() == "ok"


def test_a_body_without_a_length_ends_with_its_connection() -> None:
    with serving([UNENDED], [OK]) as client:
        assert [client.get() for _ in range(2)] == ["ok", "ok"]


@pytest.mark.parametrize(
    "response",
    [
        CUT_OFF,
        CUT_OFF_CHUNK,
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\ncont",
        CUT_OFF[:-20],
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncont",
        b"HTTP/1.1 204 No Content\r\n",
        EARLY + CUT_OFF[:-20],
        EARLY[:-2],
        EARLY,
        b"SSH-2.0\r\n",
        b"",
    ],
)
def test_a_response_that_is_cut_off_is_an_error(response: bytes) -> None:
    with serving([response]) as client, pytest.raises(BrokenOff):
        client.get()


def test_a_head_that_is_cut_off_is_an_error_before_its_body_is_read() -> None:
    with (
        serving([b"HTTP/1.1 200 OK\r\ncont"]) as client,
        pytest.raises(BrokenOff),
    ):
        client.sent("GET")


@pytest.mark.parametrize("provisional", [EARLY, CONTINUE, EARLY + CONTINUE + EARLY])
def test_a_provisional_response_is_not_the_answer(provisional: bytes) -> None:
    other = OK.replace(b"ok", b"no")
    with serving([provisional + OK, provisional + other]) as client:
        assert [client.get() for _ in range(2)] == ["ok", "no"]


@pytest.mark.parametrize("status", [b"101 Switching Protocols", b"+103 Early", b"0103 Early"])
def test_no_other_status_below_200_is_an_answer(status: bytes) -> None:
    with serving([b"HTTP/1.1 " + status + b"\r\n\r\n" + OK], [OK]) as client:
        with pytest.raises(BrokenOff):
            client.get()
        assert client.get() == "ok"


@pytest.mark.parametrize("head", [EARLY * 2000, b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000])
def test_heads_have_a_limit(head: bytes) -> None:
    with serving([head + OK]) as client, pytest.raises(BrokenOff):
        client.get()


@pytest.mark.parametrize(
    "lines",
    [
        b"content-length: 2\r\ncontent-length: 9",
        b"content-length: 2, 9",
        b"content-length: +2",
        b"content-length: 2\r\ntransfer-encoding: chunked",
        b"transfer-encoding: gzip, chunked",
        b"transfer-encoding: chunked\r\ntransfer-encoding: identity",
        b"content-length: 2\r\nx-name: a\r\n b",
        b"x-name: a\r\n\tb\r\ncontent-length: 2",
        b"content-length: 2\r\nx-name: a\rcontent-length: 9",
        b"content-length : 2",
        b"content-length: 2\r\nno name",
    ],
)
def test_a_head_that_can_be_read_in_two_ways_is_refused(lines: bytes) -> None:
    response = b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n\r\nok"
    with serving([response], [OK]) as client:
        with pytest.raises(BadResponse) as refused:
            client.get()
        assert refused.value.exit_code == 5
        assert client.get() == "ok"


def test_the_same_length_twice_is_one_length() -> None:
    twice = OK.replace(b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\n")
    with serving([twice, OK]) as client:
        assert [client.get() for _ in range(2)] == ["ok", "ok"]


def test_what_is_no_http_is_an_error_before_it_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Client(listener)
        with closing(client.connections) as connections:
            connections._idle.append((time.monotonic(), connections._connected(5)))
            accepted, _ = listener.accept()
            with accepted:
                threading.Thread(target=_greet, args=(accepted,)).start()
                with pytest.raises(BrokenOff):
                    client.get()


def _greet(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"SSH-2.0\r\n")


class _TakenMeanwhile(list[Any]):
    """The idle connections, of which another thread has taken the last after they were seen."""

    def __bool__(self) -> bool:
        return True


def test_a_connection_that_another_thread_takes_first_is_not_waited_for() -> None:
    with serving([OK]) as client:
        client.connections._idle = _TakenMeanwhile()
        assert client.get() == "ok"


def test_a_body_that_is_left_closes_its_connection() -> None:
    with serving([CHUNKED], [OK]) as client:
        with closing(client.sent("GET")) as response:
            assert response.status == 200
        assert client.get() == "ok"


def test_a_refused_token_whose_error_is_cut_off_leaves_no_connection() -> None:
    with serving([CUT_OFF.replace(b"200 OK", b"401 No")]) as client:
        transport = Transport(client.address, 60)
        with pytest.raises(Unreachable):
            transport.call("GET", "/", dict, login=GivenToken("token"))
        transport.close()
        gc.collect()


def test_a_refusal_before_the_body_was_read_is_the_response() -> None:
    with serving([REFUSED]) as client:
        assert client.post(b" " * 20_000_000) == "no"


def test_a_silent_server_is_a_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(LateResponse):
        Client(listener, 0.05).get()
