"""Which host names and addresses are this machine's."""

from __future__ import annotations


def is_loopback(host: str) -> bool:
    """Whether connections to *host*, a name or an address without brackets, stay on this machine.

    No name is looked up: `127.example.org` may be anywhere.
    """
    from ipaddress import ip_address  # 2 ms, and most commands ask for no address

    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
