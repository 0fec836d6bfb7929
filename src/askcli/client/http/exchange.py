"""A request to a server and its response, whatever carries them: `direct` or `remote`."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlencode

from askcli import __version__
from askcli.client.http.limit import Limit

CONNECT_SECONDS = 10
HEADERS = {
    "user-agent": f"askcli/{__version__}",
    "accept": "*/*",
    # No compression is asked for, so that what is read is what is kept.
    "accept-encoding": "identity",
}
# Stay as they are in a path; what a server names as an id or a cursor may have any others.
PATH_CHARACTERS = "/:@!$&'()*+,;="


class NotReached(Exception):
    """No connection was made, so that no server has the request."""


class LateResponse(Exception):
    """A connection, or what is read or written, takes longer than the limit."""


class BrokenOff(Exception):
    """A connection has ended before its response, or brings something else than HTTP."""


class Request(NamedTuple):
    """A request; `target` is its path and query below the server's address, percent-encoded."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None
    limit: Limit

    @property
    def connect_seconds(self) -> float:
        """The seconds that the connection may take to be made."""
        return min(self.limit, CONNECT_SECONDS)


def request_to(
    method: str,
    path: str,
    limit: Limit,
    body: Mapping[str, Any] | None,
    params: Mapping[str, str] | None = None,
) -> Request:
    """Return a request with this JSON body, if any, and these parameters in its query."""
    query = f"?{urlencode(params, errors='replace')}" if params else ""
    target = quote(path, safe=PATH_CHARACTERS, errors="replace") + query
    if body is None:
        return Request(method, target, dict(HEADERS), None, limit)
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return Request(method, target, HEADERS | {"content-type": "application/json"}, content, limit)


class Body(Protocol):
    """The bytes of a response, read once, and closed."""

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None:
        """Give the connection back, or close it where not all was read."""


class Response:
    """A response, whose body is read as it is needed. Close it after use."""

    def __init__(self, status: int, headers: Iterable[tuple[str, str]], body: Body) -> None:
        """`headers` are as received; those of one name are joined by commas."""
        self.status = status
        self.body = body
        self._headers: dict[str, str] = {}
        self._content: bytes | None = None
        for name, value in headers:
            name = name.lower()
            self._headers[name] = ", ".join(filter(None, (self._headers.get(name), value)))

    @property
    def is_success(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    @property
    def is_redirect(self) -> bool:
        """Whether the status is one of redirection."""
        return 300 <= self.status < 400

    def header(self, name: str) -> str:
        """Return the value of the header with this name in lower case, empty without one."""
        return self._headers.get(name, "")

    def read(self) -> bytes:
        """Return the whole body, which is read once."""
        if self._content is None:
            content = io.BytesIO()
            content.writelines(self.body)  # a list of tiny chunks takes 28 times their size
            self._content = content.getvalue()
        return self._content

    def close(self) -> None:
        """Close the body."""
        self.body.close()


class Connections(Protocol):
    """Connections to one server."""

    def send(self, request: Request) -> Response:
        """Send the request and return the head of its response.

        This, and reading the body, raise NotReached, LateResponse or BrokenOff.
        """

    def close(self) -> None:
        """Close the connections."""
