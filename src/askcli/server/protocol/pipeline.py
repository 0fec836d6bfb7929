"""The requests of a connection that wait for the one before them."""

from __future__ import annotations

from typing import Any


class Pipeline(list[Any]):
    """What uvicorn uses of a deque, which has room for 64 from its beginning on.

    There are two at most, the one that was read first at the end.
    """

    __slots__ = ()

    def appendleft(self, request: Any) -> None:
        """Add the request that was read last."""
        self.insert(0, request)
