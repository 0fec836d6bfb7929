"""HTTP to one server, on TCP or a Unix socket, with every failure as an AskcliError."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from types import NoneType
from typing import Any, Protocol, TypeVar, cast

from askcli.client.http import bounded, events, exchange
from askcli.client.http.address import Address, moved
from askcli.client.http.deadline import within_at_most
from askcli.client.http.direct import DirectConnections
from askcli.client.http.events import Event, Events
from askcli.client.http.exchange import Connections, Request, Response
from askcli.client.http.limit import Limit
from askcli.client.http.reviving import RevivingConnections
from askcli.contract import bounded_json
from askcli.contract.protocol import EVENT_DELTA, EVENT_STREAM, parse_whole_number
from askcli.contract.validation import fits
from askcli.errors import (
    AskcliError,
    BadResponse,
    InvalidToken,
    SessionEnded,
    TokenExpired,
    TooLate,
    Unreachable,
)
from askcli.problems import from_problem

T = TypeVar("T")

CALL_SECONDS = 60
# The server pings every 15 s, so a stream without a byte for this long is dead.
STREAM_SECONDS = 60


class TokenSource(Protocol):
    """A source of access tokens for the requests of one login."""

    def token(self) -> str:
        """Return a token that should be valid. Raises NotAuthenticated when there is none."""

    def renew(self, refused: str) -> str:
        """Return a token other than the *refused* one. Raises NotAuthenticated."""


class Transport:
    """An HTTP client for one server; `timeout` is in seconds. Close it after use."""

    def __init__(
        self, address: Address, timeout: float, revive: Callable[[], object] | None = None
    ) -> None:
        """`revive` starts a local server again that has ended."""
        self.address = address
        self.timeout = timeout
        self._connections = _connections(address, revive)

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def call(
        self,
        method: str,
        path: str,
        shape: type[T],
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        login: TokenSource | None = None,
        seconds: float | None = None,
    ) -> T:
        """Return the JSON of the response, checked for the shape; NoneType is 204.

        It may take `seconds` (None: the time-out) as a whole, however little of it comes at a
        time. Raises the server's problem, BadResponse or Unreachable.
        """
        limit = self._limit(CALL_SECONDS, seconds)
        request = exchange.request_to(method, path, limit, body, params)
        with (
            within_at_most(self.timeout, self._late()),
            self._raising(limit),
            closing(self._authenticated(request, login, shape)) as response,
        ):
            response.read()
            if not response.is_success:
                raise error_of(response, path, self.address)
            return _json(response, shape)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        login: TokenSource | None,
    ) -> Iterator[Events]:
        """Yield the events of the response, None for 204. Raises the server's problem.

        Until the next piece of text they may take the time-out as a whole; pings do not count.
        """
        limit = self._limit(STREAM_SECONDS)
        request = exchange.request_to(method, path, limit, body)
        request.headers.update(headers, accept=EVENT_STREAM)
        with (
            self._raising(limit),
            closing(self._authenticated(request, login, None)) as response,
        ):
            if not response.is_success:
                raise error_of(response, path, self.address)
            yield None if response.status == 204 else _limited(events.read(response), limit)

    def _limit(self, silent: float, whole: float | None = None) -> Limit:
        """Return the limit of a request: seconds without a byte, and as a whole."""
        return Limit(min(silent, self.timeout), min(whole or self.timeout, self.timeout))

    def _authenticated(
        self, request: Request, login: TokenSource | None, shape: type | None
    ) -> Response:
        """Send the request with a token of the login, once more where the server refuses that."""
        if login is None:
            return self._sent(request, shape)
        token = login.token()
        request.headers["authorization"] = f"Bearer {token}"
        response = self._sent(request, shape)
        if not _refuses_token(response, request.target):
            return response
        response.close()
        request.headers["authorization"] = f"Bearer {login.renew(token)}"
        return self._sent(request, shape)

    def _sent(self, request: Request, shape: type | None) -> Response:
        response = self._connections.send(request)
        bounded.bound(response, shape)
        return response

    @property
    def _name(self) -> str:
        return "the local server" if self.address.socket else self.address.url

    def _late(self) -> Unreachable:
        # Not all commands have --timeout; silence has a limit of its own.
        hint = ", or raise ASKCLI_TIMEOUT or --timeout" if self.timeout < CALL_SECONDS else ""
        return Unreachable(f"{self._name} did not answer in time; try again{hint}.")

    @contextmanager
    def _raising(self, limit: Limit) -> Iterator[None]:
        """Raise the errors of connections as Unreachable, TooLate when the whole limit is over."""
        try:
            yield
        except exchange.LateResponse:
            late = self._late()
            raise TooLate(late.detail) if not limit.left() else late from None
        except exchange.NotReached:
            raise Unreachable(
                f"cannot reach {self._name}: check that it runs and that --server is right."
            ) from None
        except exchange.BrokenOff:
            raise Unreachable(f"the connection to {self._name} broke off; try again.") from None


def _connections(address: Address, revive: Callable[[], object] | None) -> Connections:
    if address.is_loopback and not address.url.startswith("https:"):
        direct = DirectConnections(address)
        return RevivingConnections(direct, revive) if revive else direct
    from askcli.client.http.remote import RemoteConnections  # with httpx2

    return RemoteConnections(address)


def _refuses_token(response: Response, path: str) -> bool:
    if response.status != 401:
        return False
    try:
        error = error_of(response, path)
    except BaseException:
        response.close()
        raise
    return isinstance(error, TokenExpired | InvalidToken | SessionEnded)


def _limited(events: Iterator[Event], limit: Limit) -> Iterator[Event]:
    """Yield the events; the limit begins anew with the wait for what follows a piece of text."""
    for event in events:
        yield event
        if event.name == EVENT_DELTA:
            limit.restart()


def error_of(response: Response, path: str, address: Address | None = None) -> AskcliError:
    """Return the error of an unsuccessful response to a request for this path of the server.

    A response without a problem document (a proxy's, another service's) goes by its status.
    """
    if response.is_redirect:
        return moved(path, response.header("location"), address.url if address else "")
    try:
        document = bounded_json.parse(response.read())
    except (ValueError, RecursionError):
        document = {}
    error = from_problem(response.status, document if isinstance(document, dict) else {})
    error.retry_after = parse_whole_number(response.header("retry-after"))
    return error


def _json(response: Response, shape: type[T]) -> T:
    # A gateway's page, with status 200, does not confirm what a 204 does.
    if (shape is NoneType) != (response.status == 204):
        raise BadResponse()
    try:
        value: Any = None if shape is NoneType else bounded_json.parse(response.read())
    except (ValueError, RecursionError):
        raise BadResponse() from None
    if not fits(shape, value):
        raise BadResponse()
    return cast(T, value)
