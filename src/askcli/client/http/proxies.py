"""The proxies that the environment names, checked before httpx2 takes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import getproxies  # httpx2's source, too

import httpx2

from askcli.errors import Misused
from askcli.settings.parsers import http_url

_SOCKS = ("socks5", "socks5h")


@contextmanager
def checked() -> Iterator[None]:
    """Make a client of httpx2 in the block. Raises Misused that names a variable, not its value."""
    for kind in ("http", "https", "all"):
        if value := getproxies().get(kind):
            _check(f"{kind.upper()}_PROXY", value if "://" in value else f"http://{value}")
    try:
        yield
    except (httpx2.InvalidURL, ValueError):
        raise Misused("NO_PROXY is not a list of host names between commas.") from None


def _check(name: str, value: str) -> None:
    scheme, _, rest = value.partition("://")
    try:
        http_url(f"http://{rest}" if scheme in _SOCKS else value)
    except ValueError:
        raise Misused(f"{name} is not the URL of a proxy: use http://host:port.") from None
    if scheme in _SOCKS:
        from importlib.util import find_spec  # only here

        if find_spec("socksio") is None:
            raise Misused(f"{name} is a SOCKS proxy: use an HTTP one, or `pip install socksio`.")
