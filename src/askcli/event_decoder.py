"""Server-sent events from the bytes of a response, by the rules of the HTML standard.

With one difference: an id belongs to its event alone, not to those after it.

The server reads a provider's answers with it, and the client a server's. No library, for the time
of an event and for its bounds: see docs/adr/0002-dependencies.md.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator

_END = b"\n\n"
_MAX_LINES = 4_096  # of an event: each costs more than the bytes that it may have


class EventTooLarge(ValueError):
    """An event has more bytes or lines than it may have."""


class EventDecoder:
    """Decodes the events of one response, whose bytes may be cut anywhere."""

    __slots__ = ("_buffer", "_is_after_cr", "_is_at_start", "_most")

    def __init__(self, most: int) -> None:
        """`most` is the bytes that an event may have."""
        self._most = most
        self._buffer = bytearray()  # the event that has not ended yet; LF ends its lines
        self._is_after_cr = False
        self._is_at_start = True

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
        """Yield name, data and id of each event that ends in the chunk.

        Name and id are empty where the event has none. Raises EventTooLarge for one of too many
        lines; then if the one that has not ended is too large.
        """
        buffer = self._buffer
        searched = max(0, len(buffer) - 1)
        buffer += self._with_line_feeds(chunk)
        end = buffer.rfind(_END, searched)
        if end >= 0:
            events = bytes(buffer[:end])
            del buffer[: end + len(_END)]
            if self._is_at_start:
                events = events.removeprefix(BOM_UTF8)
                self._is_at_start = False
            for lines in events.split(_END):
                if len(lines) > _MAX_LINES and lines.count(b"\n") > _MAX_LINES:
                    raise EventTooLarge
                name, data, id_ = _fields(lines)
                if data:
                    yield name, data[0] if len(data) == 1 else b"\n".join(data), id_
        if len(buffer) > self._most:
            buffer.clear()
            raise EventTooLarge

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        """Return the chunk with LF for each end of a line, which may be CR, LF or both."""
        if self._is_after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._is_after_cr = False
        if b"\r" not in chunk:
            return chunk
        self._is_after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _fields(lines: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Return the name, lines of data and id of an event; comments and other fields are skipped."""
    name, data, id_ = b"", [], b""
    for line in lines.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
        elif field == b"id":
            id_ = value.removeprefix(b" ")
    return name, data, id_
