"""Parsers of settings: each returns the value, or raises ValueError with what it must be."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_ORIGIN = (
    r"(https?)://(?:[a-z0-9]|[a-z0-9][a-z0-9.-]*[a-z0-9]|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?"
)
_OWN_PORTS = (("http", "80"), ("https", "443"))


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate: `count` uses in `seconds`, `10/300` as text; a count of 0 (`off`) is no limit."""

    count: int
    seconds: int


def rate(text: str) -> Rate:
    """Parse a rate."""
    if text == "off":
        return Rate(0, 1)
    match = re.fullmatch(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,6})", text, re.ASCII)
    if not match:
        raise ValueError("count/seconds, such as 10/300, or off")
    return Rate(int(match[1]), int(match[2]))


def integer(low: int, high: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from `low` to `high`."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def dollars(text: str) -> float:
    """Parse an amount of US dollars."""
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not 0 <= amount < 10**9:
        raise ValueError("an amount of US dollars, such as 2.50")
    return amount


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser of one of these words."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return text

    return parse


def networks(text: str) -> tuple[str, ...]:
    """Parse addresses or networks, separated by commas."""
    parts = _parts(text)
    try:
        for part in parts:
            ipaddress.ip_network(part)
    except ValueError:
        raise ValueError("addresses or networks between commas, such as 10.0.0.0/8") from None
    return parts


def hosts(text: str) -> tuple[str, ...]:
    """Parse host names, separated by commas, to lower case; `*` is any."""
    parts = _parts(text.lower())
    if not all(re.fullmatch(r"\*|[a-z0-9._-]+|\[[0-9a-f:.]+\]", part) for part in parts):
        raise ValueError("host names between commas, such as ask.example.org, or *")
    return parts


def origins(text: str) -> tuple[str, ...]:
    """Parse origins of web pages, separated by commas, as browsers send them."""
    parts = _parts(text.lower())
    if not all(_is_origin(part) for part in parts):
        raise ValueError(
            "origins between commas, such as https://app.example.org or http://localhost:5173: "
            "no path, no default port, no *"
        )
    return parts


def _is_origin(text: str) -> bool:
    """Whether it is an origin as RFC 6454 (6.2) writes it: without the scheme's own port."""
    match = re.fullmatch(_ORIGIN, text)
    if match is None:
        return False
    return (match[1], match[2]) not in _OWN_PORTS and int(match[2] or 0) < 65536


def http_url(text: str) -> str:
    """Return the text, the URL of an HTTP server."""
    from urllib.parse import urlsplit  # most commands have no such setting

    try:
        url = urlsplit(text)
        is_right = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        is_right = False
    if not is_right or not text.isprintable() or " " in text:
        raise ValueError("http://host:port or https://host, with or without a path")
    return text


def key(text: str) -> str:
    """Return the text, a key as a header of HTTP takes it."""
    if not text.isascii() or not text.isprintable():
        raise ValueError("one line of ASCII characters")
    return text


def without_password(url: str) -> str:
    """Return the text of a URL, which may be invalid, without what stands before its `@`."""
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*://)?.*@", r"\1", url, flags=re.DOTALL)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def path(text: str) -> Path:
    """Return the absolute path: the local server has another working directory than its client."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise ValueError("a path without `~`, as HOME is not set") from None


def utf_8(text: str) -> str:
    """Return text as it is; bytes that are no text have no place in a response."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("text in UTF-8") from None
    return text


def model(text: str) -> str:
    """Return a local model's name as it is, and a path as an absolute one."""
    return str(path(text)) if "/" in text or text.endswith(".gguf") else text
