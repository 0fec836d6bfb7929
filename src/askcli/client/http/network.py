"""Connections for httpx2 that bound the time of a response as a whole, in every thread."""

from __future__ import annotations

import time
from typing import Any

import httpx2


class Limit(float):
    """A time-out in seconds of each read and write, and the time until which all of them last.

    httpx2 passes the time-outs of a request to its connection as they are, so this one arrives.
    """

    _whole: float
    _end: float

    def __new__(cls, seconds: float, whole: float) -> Limit:
        """Begin `whole` seconds, of which one operation may take the given ones."""
        limit = super().__new__(cls, seconds)
        limit._whole = whole
        limit.restart()
        return limit

    def restart(self) -> None:
        """Begin the whole time anew."""
        self._end = time.monotonic() + self._whole

    def left(self) -> float:
        """Return the seconds that the next operation may take; none are left when time is up."""
        return max(0.0, min(self, self._end - time.monotonic()))


def bound(transport: httpx2.BaseTransport | None) -> None:
    """Let the connections of a transport of httpx2 keep the limits of requests."""
    if isinstance(transport, httpx2.HTTPTransport):
        transport._pool._network_backend = _backend()


class _Stream:
    """One of httpcore2's streams, whose class is not loaded before it is needed."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data: bytes = self._stream.read(max_bytes, left(timeout))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *arguments: Any, **named: Any) -> _Stream:
        return _Stream(self._stream.start_tls(*arguments, **named))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def left(timeout: float | None) -> float | None:
    """Return the seconds that an operation may take. Raises ReadTimeout when time is up."""
    if not isinstance(timeout, Limit):
        return timeout
    if not (seconds := timeout.left()):
        raise httpx2.ReadTimeout("The response as a whole took too long.")
    return seconds


def distrust(error: BaseException | None) -> str | None:
    """Return why a certificate is not trusted, None for an error of another cause."""
    import ssl  # only for an error

    while error:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message.rstrip(".")
        error = error.__cause__ or error.__context__
    return None


def _backend() -> Any:
    import httpcore2  # as late as httpx2 does

    class Backend(httpcore2.SyncBackend):
        def connect_tcp(self, *arguments: Any, **named: Any) -> Any:
            return _Stream(super().connect_tcp(*arguments, **named))

    return Backend()
