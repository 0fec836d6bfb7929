"""Requests to a local server that has ended: which are sent again, and how often."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterable
from pathlib import Path

import httpx2
import pytest

from askcli.client.http.address import Address
from askcli.client.http.reviving import RevivingTransport
from askcli.client.http.transport import Transport
from askcli.errors import Unreachable

REFUSED, BROKEN = httpx2.ConnectError("refused"), httpx2.ReadError("broken")


@pytest.mark.parametrize(
    ("method", "outcomes", "ended"),
    [
        ("GET", [REFUSED, BROKEN, 200], 200),
        ("POST", [REFUSED, REFUSED, 201], 201),
        ("POST", [503, 201], 201),  # refused before anything was done
        ("GET", [503, 503], 503),
        ("POST", [BROKEN], BROKEN),  # it may have been done
        ("GET", [REFUSED] * 6, REFUSED),
    ],
)
def test_a_request_that_no_server_took_is_sent_again(
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    outcomes: Iterable[int | Exception],
    ended: int | Exception,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    remaining, revived = iter(outcomes), []

    def respond(request: httpx2.Request) -> httpx2.Response:
        outcome = next(remaining)
        if isinstance(outcome, Exception):
            raise outcome
        return httpx2.Response(outcome, request=request)

    transport = RevivingTransport(httpx2.MockTransport(respond), lambda: revived.append(1))
    request = httpx2.Request(method, "http://askcli/")
    if isinstance(ended, Exception):
        with pytest.raises(type(ended)):
            transport.handle_request(request)
    else:
        assert transport.handle_request(request).status_code == ended
    assert next(remaining, None) is None


@pytest.mark.filterwarnings("error")
def test_a_socket_that_nobody_listens_at_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "gone.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
    transport = Transport(Address("http://askcli", socket=path), 1.0)
    with pytest.raises(Unreachable):
        transport.call("GET", "/healthz", dict)
    transport.close()
    gc.collect()
