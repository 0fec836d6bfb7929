"""Addresses of servers."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from askcli.errors import AskcliError, BadResponse, Misused
from askcli.settings.loopback import is_on_loopback
from askcli.settings.parsers import without_password

if TYPE_CHECKING:
    import httpx2

HTTP_PORT = 80
MAX_PORT = 65_535
MAX_SHOWN = 200  # characters of the address that a server names as its own

# This machine's as most write it, which needs no parser: it is what that would return.
_PLAIN = re.compile(r"(http://(?:localhost|127\.0\.0\.1|\[::1]):([1-9][0-9]{1,4}))/?")


@dataclass(frozen=True, slots=True)
class Address:
    """A server's address; `socket` and `database` are set for this user's local server."""

    url: str
    socket: Path | None = None
    database: str = ""

    @property
    def name(self) -> str:
        """The server's name in messages."""
        return "local" if self.socket else self.url

    @property
    def key(self) -> str:
        """The server's key in the token file, the same for local servers of one database."""
        if self.socket is None:
            return self.url
        return "local " + hashlib.sha256(self.database.encode()).hexdigest()[:16]

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine."""
        return self.socket is not None or is_on_loopback(self.url)

    @property
    def is_readable_on_its_way(self) -> bool:
        """Whether requests leave this machine without encryption."""
        return self.url.startswith("http:") and not self.is_loopback


def parse_address(url: str) -> Address:
    """Return the address of a server's URL. Raises Misused for an invalid one."""
    plain = _PLAIN.fullmatch(url)
    if plain and HTTP_PORT < int(plain[2]) <= MAX_PORT:
        return Address(plain[1])
    return _parsed(url)


def _parsed(url: str) -> Address:
    import httpx2  # for what is not plain

    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, UnicodeError):
        parsed = httpx2.URL("")
    if parsed.userinfo:
        raise Misused("a server's URL must not contain a password: log in with `askcli login`.")
    if not _is_right(parsed):
        shown = re.split("[?#]", without_password(url))[0]
        raise Misused(f"{shown!r} is not a server's URL: use http://host:port or https://host.")
    if parsed.query or parsed.fragment or str(parsed).endswith(("?", "#")):
        raise Misused("a server's URL must end with its host or path: without `?` and `#`.")
    return Address(str(parsed).rstrip("/"))


def _is_right(parsed: httpx2.URL) -> bool:
    """Whether a server may have this URL, and the standard library reads it, too."""
    is_complete = parsed.scheme in ("http", "https") and parsed.host
    try:
        return bool(is_complete and 0 <= (urlsplit(str(parsed)).port or 0) <= MAX_PORT)
    except ValueError:
        return False


def moved(path: str, location: str, own_url: str = "") -> AskcliError:
    """Return the error of a redirect from a path of the server at `own_url` to a location.

    It names a server only where the same endpoint is, and what `--server` takes: neither a page to
    log in at nor a secret that a location may have.
    """
    _, mark, rest = path.rpartition("/api/")
    endpoint = mark + rest or "/" + path.rpartition("/")[2]
    url = re.split("[?#]", location)[0].rstrip("/")
    with suppress(Misused):
        server = parse_address(url.removesuffix(endpoint)).url
        if url.endswith(endpoint) and server == own_url:
            return BadResponse(
                f"{server} redirects to itself, or a gateway before it does: tell its host."
            )
        if url.endswith(endpoint) and len(server) <= MAX_SHOWN:
            return Misused(f"the server has moved to {server}: use that as --server.")
    return Misused("the server redirects to another address: check --server.")
