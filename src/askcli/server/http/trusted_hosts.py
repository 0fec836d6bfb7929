"""Check of the Host header against the names that this server answers to.

Not authorization, which goes by tokens alone. It stops DNS rebinding, where a web page lets a name
of its own resolve to 127.0.0.1, and malformed Host headers.
"""

from __future__ import annotations

import re
import socket

from askcli.errors import AskcliError, BadHost, WrongHost
from askcli.settings import Settings

# A registered name or IPv4 address, or an IPv6 one in brackets (RFC 9110, 7.2); then a port.
_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?", re.ASCII)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

# None allows any well-formed name.
Hosts = frozenset[str] | None


def allowed(settings: Settings, sock: socket.socket) -> Hosts:
    """Return the allowed names: as configured; else loopback names on loopback, elsewhere any."""
    if sock.family == socket.AF_UNIX or "*" in settings.allowed_hosts:
        return None
    if settings.allowed_hosts:
        return _LOOPBACK | {_name(host) for host in settings.allowed_hosts}
    return None if settings.is_beyond_loopback else _LOOPBACK | {_name(settings.host)}


def problem(values: list[str], allowed: Hosts) -> AskcliError | None:
    """Return the error of a request's Host headers, None when they are right."""
    match = _HOST.fullmatch(values[0]) if len(values) == 1 else None
    if match is None:
        return BadHost(
            "A request needs one Host header, a name or an address with or without port."
        )
    if allowed is not None and _name(match[1]) not in allowed:
        return WrongHost(
            f"This server does not answer to {match[1]}; its host can allow the name "
            "with ASKCLI_ALLOWED_HOSTS."
        )
    return None


def _name(host: str) -> str:
    """Return the name without the dot at its end, which a resolver takes for no part of it."""
    return host.lower().removesuffix(".")
