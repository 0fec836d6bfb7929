"""What a request gets whose client has left."""

from __future__ import annotations

from fastapi import Response
from starlette.types import Receive, Scope, Send


class NoResponse(Response):
    """Sends nothing; the log then has the status of a client that has left."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send nothing."""
