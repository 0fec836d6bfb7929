"""HTTP to one server, on TCP or a Unix socket, with every failure as an AskcliError."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import httpx2

from askcli import __version__
from askcli.client import bounded, events, unix_socket
from askcli.client.address import Address
from askcli.client.deadline import within_at_most
from askcli.client.events import Events
from askcli.client.reviving import RevivingTransport
from askcli.contract import bounded_json
from askcli.contract.protocol import EVENT_STREAM, parse_whole_number
from askcli.contract.validation import fits
from askcli.errors import AskcliError, BadResponse, Misused, Unreachable
from askcli.problems import from_problem

T = TypeVar("T")

CONNECT_SECONDS = 10
CALL_SECONDS = 60
# The server pings every 15 s, so a stream without a byte for this long is dead.
STREAM_SECONDS = 60


class Transport:
    """An HTTP client for one server; `timeout` is in seconds. Close it after use."""

    def __init__(
        self, address: Address, timeout: float, revive: Callable[[], object] | None = None
    ) -> None:
        """`revive` starts a local server again that has ended."""
        self.address = address
        self.timeout = timeout
        # No TLS on a Unix socket or plain HTTP, so there are no certificates to load.
        has_tls = address.url.startswith("https:")
        self._http = httpx2.Client(
            base_url=address.url,
            transport=_direct(address, revive) if address.is_loopback else None,
            verify=has_tls,
            headers={"user-agent": f"askcli/{__version__}", **bounded.HEADERS},
            event_hooks={"response": [bounded.bound]},
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        shape: type[T],
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        login: httpx2.Auth | None = None,
        seconds: float = CALL_SECONDS,
    ) -> T:
        """Return the JSON of the response, checked for the shape; NoneType is an empty body.

        It may take the time-out as a whole, however little of it comes at a time. Raises the
        server's problem, BadResponse or Unreachable.
        """
        with within_at_most(self.timeout, self._late()), self._raising():
            response = self._http.request(
                method,
                path,
                json=body,
                params=params,
                auth=login,
                timeout=self._limited(seconds),
                extensions=bounded.extensions(shape),
            )
            if not response.is_success:
                raise error_of(response)
            return _json(response, shape)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        login: httpx2.Auth | None,
    ) -> Iterator[Events]:
        """Yield the events of the response, None for 204. Raises the server's problem."""
        with (
            self._raising(),
            self._http.stream(
                method,
                path,
                json=body,
                headers={**headers, "accept": EVENT_STREAM},
                auth=login,
                timeout=self._limited(STREAM_SECONDS),
            ) as response,
        ):
            if not response.is_success:
                response.read()
                raise error_of(response)
            yield None if response.status_code == 204 else events.read(response)

    def _limited(self, seconds: float) -> httpx2.Timeout:
        """Return the time-outs of a request: `seconds` or the command's own, if that is shorter."""
        seconds = min(seconds, self.timeout)
        return httpx2.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))

    @property
    def _name(self) -> str:
        return "the local server" if self.address.socket else self.address.url

    def _late(self) -> Unreachable:
        return Unreachable(f"{self._name} did not answer in time; try again, or raise --timeout.")

    @contextmanager
    def _raising(self) -> Iterator[None]:
        """Raise httpx2's errors as Unreachable."""
        server = self._name
        try:
            yield
        except httpx2.TimeoutException:
            raise self._late() from None
        except httpx2.ConnectError:
            raise Unreachable(
                f"cannot reach {server}: check that it runs and that --server is right."
            ) from None
        except httpx2.SSEError:
            raise BadResponse() from None
        except (httpx2.RequestError, httpx2.InvalidURL):
            raise Unreachable(f"the connection to {server} broke off; try again.") from None


def _direct(address: Address, revive: Callable[[], object] | None) -> httpx2.BaseTransport:
    """Return a transport without a proxy: loopback traffic must stay on this machine."""
    if address.socket:
        transport = unix_socket.transport(address.socket)
    else:
        transport = httpx2.HTTPTransport(verify=address.url.startswith("https:"))
    return RevivingTransport(transport, revive) if revive else transport


def error_of(response: httpx2.Response) -> AskcliError:
    """Return the error of an unsuccessful response that has been read.

    A response without a problem document (a proxy's, another service's) goes by its status.
    """
    if response.is_redirect:
        location = response.headers.get("location", "elsewhere")[:200]
        return Misused(f"the server has moved to {location}: use that as --server.")
    try:
        document = bounded_json.parse(response.content)
    except (ValueError, RecursionError):
        document = {}
    error = from_problem(response.status_code, document if isinstance(document, dict) else {})
    error.retry_after = parse_whole_number(response.headers.get("retry-after", ""))
    return error


def _json(response: httpx2.Response, shape: type[T]) -> T:
    try:
        value: Any = bounded_json.parse(response.content) if response.content else None
    except (ValueError, RecursionError):
        value = None
    if not fits(shape, value):
        raise BadResponse()
    return cast(T, value)
