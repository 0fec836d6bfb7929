"""HTTP to one server: TCP or a Unix socket, and every failure as one of our errors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from askcli import __version__
from askcli.contract import EVENT_DONE, EVENT_ERROR, EVENT_STREAM, whole_number
from askcli.errors import AskcliError, Misused, Unreachable
from askcli.problems import from_problem

CONNECT_SECONDS = 10
CALL_SECONDS = 60
# The server pings every 15 s, so a stream silent for this long is dead.
SILENT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is; `socket` and `database` are set for this user's local server."""

    url: str
    socket: Path | None = None
    database: str = ""

    @property
    def name(self) -> str:
        """What messages call it."""
        return "local" if self.socket else self.url

    @property
    def key(self) -> str:
        """What its logins are kept under: local servers of one database share theirs."""
        if self.socket is None:
            return self.url
        return "local " + hashlib.sha256(self.database.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream: its name, its id and its JSON data."""

    name: str
    id: str
    data: dict[str, Any]

    @property
    def is_last(self) -> bool:
        """Whether it ends the stream."""
        return self.name in (EVENT_DONE, EVENT_ERROR)

    def error(self) -> AskcliError | None:
        """The error that an `error` event brings, None for another event."""
        if self.name != EVENT_ERROR:
            return None
        return from_problem(self.data.get("status", 500), self.data)


def address(url: str) -> Address:
    """The address of a server's URL. Raises Misused when it is none."""
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, UnicodeError):
        parsed = httpx2.URL("")
    if parsed.userinfo:
        raise Misused("a server's URL holds no password: log in with `askcli login`.")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise Misused(f"{url!r} is not a server's URL: use http://host:port or https://host.")
    return Address(str(parsed).rstrip("/"))


class Transport:
    """One server's connections; close it when it is done with."""

    def __init__(self, address: Address, timeout: float) -> None:
        self.address = address
        # No TLS on a Unix socket or plain HTTP, so no certificates to load either.
        plain = not address.url.startswith("https:")
        uds = (
            httpx2.HTTPTransport(uds=str(address.socket), verify=False) if address.socket else None
        )
        self._http = httpx2.Client(
            base_url=address.url,
            transport=uds,
            verify=not plain,
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
            if not answer.is_success:
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
            if not answer.is_success:
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
        except httpx2.RequestError:
            raise Unreachable(f"the connection to {place} broke off; try again.") from None


def _event(event: httpx2.ServerSentEvent) -> Event:
    try:
        data = json.loads(event.data)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise AskcliError("the server sent an event that is not askcli's; is it an askcli server?")
    return Event(event.event, event.id, data)


def _json(answer: httpx2.Response) -> Any:
    try:
        return answer.json()
    except (ValueError, RecursionError):
        raise AskcliError(
            f"{answer.url.host} did not answer JSON; is it an askcli server?"
        ) from None


def _problem(answer: httpx2.Response) -> AskcliError:
    """The server's problem; of something else (a proxy, another service) only the status."""
    if answer.is_redirect:
        place = answer.headers.get("location", "elsewhere")
        return Misused(f"the server has moved to {place}: use that as --server.")
    try:
        document = answer.json()
    except (ValueError, RecursionError):
        document = {}
    error = from_problem(answer.status_code, document if isinstance(document, dict) else {})
    error.retry_after = whole_number(answer.headers.get("retry-after", ""))
    return error
