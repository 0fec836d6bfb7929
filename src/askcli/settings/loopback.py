"""Which host names and addresses are this machine's."""

from __future__ import annotations

LOCALHOST = "localhost"
_USUAL = ("127.0.0.1", "::1")


def is_localhost(name: str) -> bool:
    """Whether it is `localhost` or a name in it, which are this machine's (RFC 6761)."""
    return f".{name.lower().removesuffix('.')}".endswith(f".{LOCALHOST}")


def is_loopback(host: str) -> bool:
    """Whether connections to *host*, a name or an address without brackets, stay on this machine.

    No name is looked up: `127.example.org` may be anywhere.
    """
    if is_localhost(host) or host in _USUAL:
        return True
    from ipaddress import ip_address  # 2 ms, and most commands ask for no other address

    try:
        address = ip_address(host.removesuffix("."))
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def is_on_loopback(url: str | None) -> bool:
    """Whether connections to a URL, if there is one, stay on this machine."""
    from urllib.parse import urlsplit  # most commands have no URL

    return is_loopback(urlsplit(url or "").hostname or "")
