"""HTTP to one server: TCP or a Unix socket, and every failure as one of our errors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from askcli import __version__
from askcli.contract import EVENT_STREAM
from askcli.errors import AskcliError, Misused, Unreachable, from_problem

CONNECT_SECONDS = 10
CALL_SECONDS = 60
# The server pings every 15 s, so a stream silent for this long is dead.
SILENT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is; `socket` is set for this user's local server."""

    url: str
    socket: Path | None = None

    @property
    def name(self) -> str:
        """What messages call it, and what tokens are kept under."""
        return "local" if self.socket else self.url


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream: its name, its id and its JSON data."""

    name: str
    id: str
    data: dict[str, Any]


def address(url: str) -> Address:
    """The address of a server's URL. Raises Misused when it is none."""
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        parsed = httpx2.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise Misused(f"{url!r} is not a server's URL: use http://host:port or https://host.")
    return Address(str(parsed).rstrip("/"))


class Transport:
    """One server's connections; close it, or use it as a context manager."""

    def __init__(self, address: Address, timeout: float) -> None:
        self.address = address
        uds = httpx2.HTTPTransport(uds=str(address.socket)) if address.socket else None
        self._http = httpx2.Client(
            base_url=address.url,
            transport=uds,
            timeout=httpx2.Timeout(
                min(timeout, CALL_SECONDS), connect=min(timeout, CONNECT_SECONDS)
            ),
            headers={"user-agent": f"askcli/{__version__}"},
        )
        self._silent = httpx2.Timeout(
            min(timeout, SILENT_SECONDS), connect=min(timeout, CONNECT_SECONDS)
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON that the server answers, None for an empty answer; raises its problem."""
        with self._failures():
            answer = self._http.request(method, path, json=body, params=params, headers=headers)
            if answer.is_error:
                raise _problem(answer)
            return _json(answer) if answer.content else None

    @contextmanager
    def stream(
        self, method: str, path: str, *, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> Iterator[Iterator[Event]]:
        """The events that the server sends; raises its problem."""
        asked = dict(headers) | {"accept": EVENT_STREAM}
        with (
            self._failures(),
            self._http.stream(
                method, path, json=body, headers=asked, timeout=self._silent
            ) as answer,
        ):
            if answer.is_error:
                answer.read()
                raise _problem(answer)
            yield (_event(event) for event in httpx2.EventSource(answer, max_event_size=None))

    @contextmanager
    def _failures(self) -> Iterator[None]:
        place = "the local server" if self.address.socket else self.address.url
        try:
            yield
        except httpx2.TimeoutException:
            raise Unreachable(
                f"{place} did not answer in time; try again, or raise --timeout."
            ) from None
        except httpx2.ConnectError:
            raise Unreachable(
                f"cannot reach {place}: check that it runs and that --server is right."
            ) from None
        except httpx2.TransportError:
            raise Unreachable(f"the connection to {place} broke off; try again.") from None


def _event(event: httpx2.ServerSentEvent) -> Event:
    try:
        return Event(event.event, event.id, json.loads(event.data))
    except ValueError:
        raise AskcliError("the server sent an event that is not JSON; is it askcli?") from None


def _json(answer: httpx2.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise AskcliError(
            f"{answer.url.host} did not answer JSON; is it an askcli server?"
        ) from None


def _problem(answer: httpx2.Response) -> AskcliError:
    """The server's problem; of something else (a proxy, another service) only the status."""
    try:
        document = answer.json()
    except ValueError:
        document = {}
    error = from_problem(answer.status_code, document if isinstance(document, dict) else {})
    wait = answer.headers.get("retry-after", "")
    error.retry_after = int(wait) if wait.isascii() and wait.isdigit() else None
    return error
