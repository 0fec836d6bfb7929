"""Requests that offer another protocol (`Upgrade`), which this server always declines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httptools

_CALLBACKS = (
    "on_message_begin",
    "on_url",
    "on_header",
    "on_headers_complete",
    "on_body",
    "on_message_complete",
)


def framing(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers that say how long the body is; none, when there is no body."""
    return [pair for pair in headers if pair[0] in (b"content-length", b"transfer-encoding")]


def declined(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return a request's head with the same body, and without the offer."""
    lines = [b"POST / HTTP/1.1", *(name + b": " + value for name, value in framing(headers))]
    return b"\r\n".join([*lines, b"", b""])


def check(headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Raise HttpParserError for headers that do not say how long the body is."""
    httptools.HttpRequestParser(object()).feed_data(declined(headers))


def parser_after_head(protocol: object) -> httptools.HttpRequestParser:
    """Return a parser that tells `protocol` of all but the head which it is fed first.

    httptools leaves the body to the other protocol; a parser that has read the declined head
    instead reads it, and the requests that follow.
    """
    parser = httptools.HttpRequestParser(_Events(protocol))
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
    return parser


class _Events:
    """A parser's callbacks, passed on to a protocol after the first headers."""

    def __init__(self, protocol: object) -> None:
        self._are_passed_on = False
        for name in _CALLBACKS:
            setattr(self, name, self._passing_on(name, getattr(protocol, name)))

    def _passing_on(self, name: str, callback: Any) -> Any:
        def pass_on(*data: bytes) -> None:
            if self._are_passed_on:
                callback(*data)
            elif name == "on_headers_complete":
                self._are_passed_on = True

        return pass_on
