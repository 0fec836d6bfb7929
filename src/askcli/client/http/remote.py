"""HTTP to any server by httpx2, which knows TLS and proxies. Loaded only where it is needed."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpcore2
import httpx2

from askcli.client.http.address import Address
from askcli.client.http.exchange import (
    BrokenOff,
    LateResponse,
    NotReached,
    Request,
    Response,
)
from askcli.client.http.limit import Limit
from askcli.errors import ProxyRefused, Unreachable, Untrusted
from askcli.settings import certificates, proxies

MAX_REASON = 200  # characters of what a proxy says
WANTS_PASSWORD = 407


class RemoteConnections:
    """Connections to one server."""

    def __init__(self, address: Address) -> None:
        """Raises Misused if the environment's proxy or certificates are not valid."""
        self._url = address.url
        self._http = _direct(address) if address.is_loopback else _proxied(address)
        is_proxied = self._http._transport_for_url(self._http.base_url) is not self._http._transport
        self._proxy = proxies.name_for(self._http.base_url.scheme) if is_proxied else None
        for transport in (self._http._transport, *self._http._mounts.values()):
            if isinstance(transport, httpx2.HTTPTransport):
                transport._pool._network_backend = _Backend()

    def send(self, request: Request) -> Response:
        """Send the request. Raises what `Connections` say, and other kinds of Unreachable."""
        with self._raising():
            response = self._http.send(
                self._http.build_request(
                    request.method,
                    request.target,
                    headers=request.headers,
                    content=request.body,
                    timeout=httpx2.Timeout(request.limit, connect=request.connect_seconds),
                ),
                stream=True,
            )
        if response.status_code == WANTS_PASSWORD and self._proxy:
            response.close()
            raise self._refused(f"{WANTS_PASSWORD} {response.reason_phrase}")
        return Response(
            response.status_code, response.headers.multi_items(), _Body(response, self._raising)
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @contextmanager
    def _raising(self) -> Iterator[None]:
        """Raise the errors of httpx2 as those of `Connections`."""
        try:
            yield
        except (httpx2.TimeoutException, TimeoutError) as error:
            raise LateResponse(str(error)) from error
        except httpx2.ConnectError as error:
            if reason := _distrust(error):
                raise Untrusted(
                    f"the certificate of {self._url} is not trusted: {reason}. Check --server and "
                    "the clock; SSL_CERT_FILE names a file with other authorities."
                ) from None
            if self._proxy:
                raise Unreachable(
                    f"cannot reach {self._url} by the proxy that {self._proxy} names: check that "
                    f"both run, and that {self._proxy} and --server are right."
                ) from None
            raise NotReached(str(error)) from error
        except httpx2.ProxyError as error:
            raise self._refused(str(error)) from None
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            raise BrokenOff(str(error)) from error

    def _refused(self, reason: str) -> Unreachable:
        """Return the error of a proxy that makes no connection; no retry mends a status of 4xx."""
        kind = ProxyRefused if reason.startswith("4") else Unreachable
        return kind(
            f"the proxy that {self._proxy} names does not connect to {self._url}: "
            f"{reason[:MAX_REASON].strip()}. Check {self._proxy}, user and password included, "
            "or name the host in NO_PROXY."
        )


def _proxied(address: Address) -> httpx2.Client:
    with proxies.checked():
        return httpx2.Client(base_url=address.url, verify=address.url.startswith("https:"))


def _direct(address: Address) -> httpx2.Client:
    """Return a client without a proxy: loopback traffic must stay on this machine."""
    with certificates.checked():
        return httpx2.Client(base_url=address.url, transport=httpx2.HTTPTransport())


def _distrust(error: BaseException | None) -> str | None:
    """Return why a certificate is not trusted, None for an error of another cause."""
    while error:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message.rstrip(".")
        error = error.__cause__ or error.__context__
    return None


class _Body:
    def __init__(self, response: httpx2.Response, raising: Any) -> None:
        self._response = response
        self._raising = raising

    def __iter__(self) -> Iterator[bytes]:
        with self._raising():
            yield from self._response.iter_raw()

    def close(self) -> None:
        self._response.close()


class _Backend(httpcore2.SyncBackend):
    """Connections that bound the time of a response as a whole.

    httpx2 passes the time-outs of a request to its connection as they are, so a Limit arrives.
    """

    def connect_tcp(self, *arguments: Any, **named: Any) -> Any:
        try:
            return _Stream(super().connect_tcp(*arguments, **named))
        except UnicodeError as error:  # a part of the host's name is empty or too long
            raise httpcore2.ConnectError(str(error)) from error


class _Stream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _next(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _next(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *arguments: Any, **named: Any) -> httpcore2.NetworkStream:
        return _Stream(self._stream.start_tls(*arguments, **named))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _next(timeout: float | None) -> float | None:
    return timeout.next() if isinstance(timeout, Limit) else timeout
