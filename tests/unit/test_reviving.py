"""Requests to a local server that has ended: which are sent again, and how often."""

from __future__ import annotations

import gc
import json
import socket
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from askcli.client.http.address import Address
from askcli.client.http.exchange import BrokenOff, NotReached, Request, Response
from askcli.client.http.limit import Limit
from askcli.client.http.reviving import RevivingConnections
from askcli.client.http.transport import Transport
from askcli.errors import (
    AskcliError,
    DatabaseUnavailable,
    ProviderOverloaded,
    ShuttingDown,
    Unreachable,
)
from askcli.problems import to_problem

REFUSED, BROKEN = NotReached("refused"), BrokenOff("broken")
Outcome = int | AskcliError | Exception


class Outcomes:
    """Connections that come to these ends: a status, a problem of the server, or an error."""

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        self.left = iter(outcomes)
        self._body = b""

    def __iter__(self) -> Iterator[bytes]:
        """The body of each response."""
        yield self._body

    def send(self, _: Request) -> Response:
        outcome = next(self.left)
        if isinstance(outcome, AskcliError):
            self._body = json.dumps(to_problem(outcome, "id")).encode()
            return Response(outcome.status, (), self)
        if isinstance(outcome, Exception):
            raise outcome
        return Response(outcome, (), self)

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("method", "outcomes", "ended"),
    [
        ("GET", [REFUSED, BROKEN, 200], 200),
        ("POST", [REFUSED, REFUSED, 201], 201),
        ("POST", [ShuttingDown(), 201], 201),  # refused before anything was done
        ("GET", [ShuttingDown(), ShuttingDown()], 503),
        ("POST", [DatabaseUnavailable(may_be_done=True)], 503),
        ("GET", [ProviderOverloaded(retry_after=10)], 503),
        ("POST", [BROKEN], BROKEN),  # it may have been done
        ("GET", [REFUSED] * 6, REFUSED),
    ],
)
def test_a_request_that_no_server_took_is_sent_again(
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    outcomes: Sequence[Outcome],
    ended: int | Exception,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    ends, revived = Outcomes(outcomes), list[int]()
    connections = RevivingConnections(ends, lambda: revived.append(1))
    request = Request(method, "/", {}, None, Limit(1, 1))
    if isinstance(ended, Exception):
        with pytest.raises(type(ended)):
            connections.send(request)
    else:
        assert connections.send(request).status == ended
    assert next(ends.left, None) is None
    assert len(revived) == len(outcomes) - 1


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
