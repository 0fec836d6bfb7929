"""Responses of a provider without a connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

from multidict import CIMultiDict

from askcli.answerers.messages_api.response import Response


class Body:
    """A body of these parts, which counts the bytes that are taken of it."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts: Iterator[bytes] = iter(parts)
        self.taken = 0

    async def readany(self) -> bytes:
        """Return the next part."""
        part = next(self._parts, b"")
        self.taken += len(part)
        return part


def response(status: int, body: Body | None = None, **headers: str) -> Response:
    """A response with these headers, `_` standing for `-` in their names."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    head: Any = SimpleNamespace(code=status, headers=CIMultiDict(names))
    connection: Any = None
    taken: Any = body or Body([])
    return Response(connection, head, taken)
