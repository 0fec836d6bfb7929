"""HTTP to one server, on TCP or a Unix socket, with every failure as an AskcliError."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import NoneType
from typing import Any, TypeVar, cast

import httpx2

from askcli import __version__
from askcli.client.http import bounded, events, network
from askcli.client.http.address import Address, moved
from askcli.client.http.deadline import within_at_most
from askcli.client.http.direct import DirectTransport
from askcli.client.http.events import Event, Events
from askcli.client.http.reviving import RevivingTransport
from askcli.contract import bounded_json
from askcli.contract.protocol import EVENT_DELTA, EVENT_STREAM, parse_whole_number
from askcli.contract.validation import fits
from askcli.errors import AskcliError, BadResponse, TooLate, Unreachable, Untrusted
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
        direct = _direct(address, revive) if address.is_loopback else None
        with nullcontext() if direct else _checked_proxies():
            self._http = httpx2.Client(
                base_url=address.url,
                transport=direct,
                verify=has_tls,
                headers={"user-agent": f"askcli/{__version__}", **bounded.HEADERS},
                event_hooks={"response": [bounded.bound]},
            )
        for transport in (self._http._transport, *self._http._mounts.values()):
            network.bound(transport)

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
        seconds: float | None = None,
    ) -> T:
        """Return the JSON of the response, checked for the shape; NoneType is 204.

        It may take `seconds` (None: the time-out) as a whole, however little of it comes at a
        time. Raises the server's problem, BadResponse or Unreachable.
        """
        limit = self._limit(CALL_SECONDS, seconds)
        with within_at_most(self.timeout, self._late()), self._raising(limit):
            response = self._http.request(
                method,
                path,
                json=body,
                params=params,
                auth=login,
                timeout=_timeouts(limit),
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
        """Yield the events of the response, None for 204. Raises the server's problem.

        Until the next piece of text they may take the time-out as a whole; pings do not count.
        """
        limit = self._limit(STREAM_SECONDS)
        with (
            self._raising(limit),
            self._http.stream(
                method,
                path,
                json=body,
                headers={**headers, "accept": EVENT_STREAM},
                auth=login,
                timeout=_timeouts(limit),
            ) as response,
        ):
            if not response.is_success:
                response.read()
                raise error_of(response)
            yield None if response.status_code == 204 else _limited(events.read(response), limit)

    def _limit(self, silent: float, whole: float | None = None) -> network.Limit:
        """Return the limit of a request: seconds without a byte, and as a whole."""
        return network.Limit(min(silent, self.timeout), min(whole or self.timeout, self.timeout))

    @property
    def _name(self) -> str:
        return "the local server" if self.address.socket else self.address.url

    def _late(self) -> Unreachable:
        return Unreachable(f"{self._name} did not answer in time; try again, or raise --timeout.")

    @contextmanager
    def _raising(self, limit: network.Limit) -> Iterator[None]:
        """Raise httpx2's errors as Unreachable, as TooLate when the limit as a whole is over."""
        server = self._name
        try:
            yield
        except httpx2.TimeoutException:
            late = self._late()
            raise TooLate(late.detail) if not limit.left() else late from None
        except httpx2.ConnectError as error:
            if reason := network.distrust(error):
                raise Untrusted(
                    f"the certificate of {server} is not trusted: {reason}. Check --server and the "
                    "clock; SSL_CERT_FILE names a file with other authorities."
                ) from None
            raise Unreachable(
                f"cannot reach {server}: check that it runs and that --server is right."
            ) from None
        except httpx2.SSEError:
            raise BadResponse() from None
        except (httpx2.RequestError, httpx2.InvalidURL):
            raise Unreachable(f"the connection to {server} broke off; try again.") from None


def _direct(address: Address, revive: Callable[[], object] | None) -> httpx2.BaseTransport:
    """Return a transport without a proxy: loopback traffic must stay on this machine."""
    transport: httpx2.BaseTransport
    if address.url.startswith("https:"):
        with _checked_certificates():
            transport = httpx2.HTTPTransport()
        network.bound(transport)
    else:
        transport = DirectTransport(address.url, address.socket)
    return RevivingTransport(transport, revive) if revive else transport


def _checked_certificates() -> AbstractContextManager[None]:
    from askcli.settings import certificates  # not needed without TLS

    return certificates.checked()


def _checked_proxies() -> AbstractContextManager[None]:
    from askcli.settings import proxies  # not needed on loopback

    return proxies.checked()


def _timeouts(limit: network.Limit) -> httpx2.Timeout:
    return httpx2.Timeout(limit, connect=min(limit, CONNECT_SECONDS))


def _limited(events: Iterator[Event], limit: network.Limit) -> Iterator[Event]:
    """Yield the events; the limit begins anew with the wait for what follows a piece of text."""
    for event in events:
        yield event
        if event.name == EVENT_DELTA:
            limit.restart()


def error_of(response: httpx2.Response) -> AskcliError:
    """Return the error of an unsuccessful response that has been read.

    A response without a problem document (a proxy's, another service's) goes by its status.
    """
    if response.is_redirect:
        return moved(response.request.url.path, response.headers.get("location", ""))
    try:
        document = bounded_json.parse(response.content)
    except (ValueError, RecursionError):
        document = {}
    error = from_problem(response.status_code, document if isinstance(document, dict) else {})
    error.retry_after = parse_whole_number(response.headers.get("retry-after", ""))
    return error


def _json(response: httpx2.Response, shape: type[T]) -> T:
    # A page of what is between, with status 200, does not confirm what 204 does.
    if (shape is NoneType) != (response.status_code == 204):
        raise BadResponse()
    try:
        value: Any = None if shape is NoneType else bounded_json.parse(response.content)
    except (ValueError, RecursionError):
        raise BadResponse() from None
    if not fits(shape, value):
        raise BadResponse()
    return cast(T, value)
