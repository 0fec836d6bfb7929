"""The proxies that the environment names, checked before an HTTP client takes them.

Libraries quote what is wrong with a URL, which may be a part of its password.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from urllib.request import getproxies  # httpx2's source, too

from askcli.errors import Misused
from askcli.settings import certificates
from askcli.settings.parsers import http_url

_SOCKS = ("socks5", "socks5h")


def check() -> None:
    """Raise Misused for a variable that names no proxy; it has the variable, not its value."""
    for name, value in _named():
        _check(name, value)


@contextmanager
def checked(*, needs_socks: bool = True) -> Iterator[None]:
    """Make a client of httpx2 in the block. Raises Misused, as `check` and `certificates` do.

    `needs_socks` is whether a SOCKS proxy must have the package that httpx2 needs for it.
    """
    check()
    if needs_socks:
        _check_socks()
    try:
        import httpx2  # not needed for the check alone

        with certificates.checked():
            yield
    except (httpx2.InvalidURL, ValueError):
        raise Misused("NO_PROXY is not a list of host names between commas.") from None


def name_for(scheme: str) -> str:
    """Return the variable that names the proxy for URLs of this scheme."""
    named = dict(_named())
    own = f"{scheme.upper()}_PROXY"
    return own if own in named else "ALL_PROXY"


def _named() -> Iterator[tuple[str, str]]:
    for kind in ("http", "https", "all"):
        if value := getproxies().get(kind):
            yield f"{kind.upper()}_PROXY", value if "://" in value else f"http://{value}"


def _check(name: str, value: str) -> None:
    scheme, _, rest = value.partition("://")
    try:
        url = urlsplit(http_url(f"http://{rest}" if scheme in _SOCKS else value))
        is_right = "@" not in url.path + url.query + url.fragment  # of a password with `/` in it
    except ValueError:
        is_right = False
    if not is_right:
        raise Misused(f"{name} is not the URL of a proxy: use http://host:port.") from None


def _check_socks() -> None:
    from importlib.util import find_spec  # only here

    for name, value in _named():
        if value.partition("://")[0] in _SOCKS and find_spec("socksio") is None:
            raise Misused(f"{name} is a SOCKS proxy: use an HTTP one, or `pip install socksio`.")
