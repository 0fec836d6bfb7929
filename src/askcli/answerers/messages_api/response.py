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

    __slots__ = ("_body", "_connection", "_is_long", "headers", "status")

    def __init__(
        self,
        connection: Connection,
        head: RawResponseMessage,
        body: StreamReader,
        *,
        is_long: bool = False,
    ) -> None:
        """`is_long` is whether the request may not be sent whole when a response to it comes."""
        self._connection = connection
        self._body = body
        self._is_long = is_long
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

        A request that has not been sent whole, as its response came before, ends with it. How much
        of one is left is not told where the connection is encrypted: there, as elsewhere, a long
        one that is refused may be one of these.
        """
        transport = self._connection.transport
        is_refused = self._is_long and not self.is_success
        if is_refused or (transport is not None and transport.get_write_buffer_size()):
            abandon(self._connection)
        else:
            self._connection.release()


def abandon(connection: Connection) -> None:
    """Close a connection at once: what has not been sent yet is not sent any more."""
    if connection.transport is not None:
        connection.transport.abort()
    connection.close()
