"""Which host names this server answers to.

Nothing here decides who may do what: that goes by tokens alone. But a name that a page in
somebody's browser has made point to 127.0.0.1 (DNS rebinding) must not reach a server that listens
there, and a Host header that is none must not reach anything.
"""

from __future__ import annotations

import re
import socket

from askcli.errors import AskcliError, BadHost, WrongHost
from askcli.settings import Settings

# A registered name or IPv4 address, or an IPv6 one in brackets (RFC 9110, 7.2); then a port.
_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?", re.ASCII)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

# None is any well-formed name.
Hosts = frozenset[str] | None


def allowed(settings: Settings, sock: socket.socket) -> Hosts:
    """The names to answer to: those that were set; else on loopback its own, elsewhere any."""
    if sock.family == socket.AF_UNIX or "*" in settings.allowed_hosts:
        return None
    if settings.allowed_hosts:
        return frozenset(settings.allowed_hosts) | _LOOPBACK
    return None if settings.is_public else _LOOPBACK


def problem(values: list[str], allowed: Hosts) -> AskcliError | None:
    """What is wrong with a request's Host headers, None when nothing is."""
    found = _HOST.fullmatch(values[0]) if len(values) == 1 else None
    if found is None:
        return BadHost(
            "A request needs one Host header, a name or an address with or without port."
        )
    if allowed is not None and found[1].lower() not in allowed:
        return WrongHost(
            f"This server does not answer to {found[1]}; its host can allow the name "
            "with ASKCLI_ALLOWED_HOSTS."
        )
    return None
