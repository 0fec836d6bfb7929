"""Request bodies: bounded in size and time each, and in memory all together."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from askcli.contract.limits import MAX_BODY_BYTES
from askcli.contract.protocol import parse_whole_number

BODY_SECONDS = 60.0


class Bodies:
    """The largest body of some callers, and the memory for those that are still arriving."""

    def __init__(self, largest: int, together: int) -> None:
        self._largest = largest
        self._free = together

    def bounded(self, request: Request) -> Request:
        """Return the request with its body bounded. Raises HTTPException (413)."""
        declared = parse_whole_number(request.headers.get("content-length", "")) or 0
        self.check(declared)
        return Request(request.scope, _Body(self, request).receive, request._send)

    def check(self, size: int) -> None:
        """Raise HTTPException (413) for a body of this size, if it is too large."""
        # FastAPI passes HTTPException on while it reads a body, and hides any other error.
        if size > self._largest:
            raise HTTPException(413)

    def hold(self, size: int) -> None:
        """Reserve bytes for a part of a body. Raises HTTPException (503)."""
        if size > self._free:
            raise HTTPException(503, "Too many requests are arriving; try again shortly.")
        self._free -= size

    def release(self, size: int) -> None:
        """Free the bytes of a body that has ended."""
        self._free += size


class _Body:
    """One body on its way; while it is not whole, its pieces are counted."""

    def __init__(self, bodies: Bodies, request: Request) -> None:
        self._bodies = bodies
        self._receive = request.receive
        self._deadline = asyncio.get_running_loop().time() + BODY_SECONDS
        self._held = 0

    async def receive(self) -> Message:
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
            self._count(message)
        except BaseException as error:
            self._release()
            if isinstance(error, TimeoutError):
                raise HTTPException(408) from None
            raise
        return message

    def _count(self, message: Message) -> None:
        size = len(message.get("body", b""))
        self._bodies.check(self._held + size)
        if message.get("more_body", False):
            self._bodies.hold(size)
            self._held += size
        else:
            self._release()

    def _release(self) -> None:
        self._bodies.release(self._held)
        self._held = 0


# A login or a registration is a few hundred bytes.
OF_STRANGERS = Bodies(largest=65_536, together=8 * 2**20)
OF_CALLERS = Bodies(largest=MAX_BODY_BYTES, together=128 * 2**20)
