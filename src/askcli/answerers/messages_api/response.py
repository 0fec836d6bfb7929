"""A provider's response: its head, and its body, which is read as it arrives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import StreamReader
    from aiohttp.connector import Connection
    from aiohttp.http import RawResponseMessage


class Response:
    """A response on a connection, which is the response's until `close`."""

    __slots__ = ("_body", "_connection", "headers", "status")

    def __init__(
        self, connection: Connection, head: RawResponseMessage, body: StreamReader
    ) -> None:
        self._connection = connection
        self._body = body
        self.status: int = head.code
        self.headers: Mapping[str, str] = head.headers

    @property
    def is_success(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    async def read(self) -> bytes:
        """Return what has arrived of the body, b"" at its end. Raises an error of aiohttp."""
        return await self._body.readany()

    def close(self) -> None:
        """Give the connection back; aiohttp closes it unless the response has come to its end.

        A request that has not been sent whole, as its response came before, ends with it.
        """
        transport = self._connection.transport
        if transport is not None and transport.get_write_buffer_size():
            self._connection.close()
        else:
            self._connection.release()
