"""Heads of requests: their path, headers and trailers, bounded each and in memory all together."""

from __future__ import annotations

# The parser does not stop between two requests: what it is fed at once bounds how many it finds.
PARSED_BYTES = 1024
MAX_HEADERS = 100
MAX_BYTES = 32_768
# Of a header in memory, besides its bytes.
_HEADER_BYTES = 128
# Of a connection, not counted: programs and browsers send less.
SMALL_BYTES = 8192
# Of all connections that hold more.
TOGETHER_BYTES = 32 * 2**20


class Heads:
    """The heads that a connection holds: of its requests without a response, or of its last one."""

    __slots__ = ("_bytes", "_headers", "_sizes", "unread_bytes")

    def __init__(self) -> None:
        self._sizes = [0]  # in memory, the oldest first: a few requests, so no deque
        self._headers = self._bytes = 0  # of the last one
        self.unread_bytes = 0  # in which the parser has found no complete element yet

    @property
    def size(self) -> int:
        """The bytes that they take in memory."""
        return sum(self._sizes)

    def begin(self, *, is_behind: bool) -> None:
        """Begin another one; `is_behind` says that those before it are still needed."""
        if not is_behind:
            self._sizes.clear()
        self._sizes.append(0)
        self._headers = self._bytes = self.unread_bytes = 0

    def add_path(self, path: bytes) -> None:
        """Add a piece of the path."""
        self._add(len(path))

    def add_header(self, name: bytes, value: bytes) -> None:
        """Add a header or a trailer."""
        self._headers += 1
        self._sizes[-1] += _HEADER_BYTES
        self._add(len(name) + len(value))

    def _add(self, size: int) -> None:
        self._bytes += size
        self._sizes[-1] += size
        self.unread_bytes = 0

    def is_too_large(self) -> bool:
        """Whether the last one is larger than that of any request."""
        return self._headers > MAX_HEADERS or max(self._bytes, self.unread_bytes) > MAX_BYTES

    def drop_first(self) -> None:
        """Forget the oldest, which has its response, if there are others."""
        if len(self._sizes) > 1:
            del self._sizes[0]


class Held:
    """What connections hold of heads and of what waits behind them, up to a number of bytes."""

    def __init__(self, limit: int = TOGETHER_BYTES) -> None:
        self._limit = limit
        self._sizes: dict[object, int] = {}
        self._total = 0

    def hold(self, connection: object, size: int) -> bool:
        """Note what a connection holds now; return False, and forget it, if there is no room."""
        self.release(connection)
        if size <= SMALL_BYTES:
            return True
        if self._total + size > self._limit:
            return False
        self._sizes[connection] = size
        self._total += size
        return True

    def release(self, connection: object) -> None:
        """Forget what a connection held."""
        self._total -= self._sizes.pop(connection, 0)
