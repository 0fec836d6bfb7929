"""Request bodies: bounded in size, values and time each, and in memory all together."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from askcli.contract import bounded_json
from askcli.contract.limits import MAX_BODY_BYTES, MAX_BODY_STRUCTURE
from askcli.contract.protocol import parse_whole_number

BODY_SECONDS = 60.0
_TOO_MANY = "Too many requests are arriving; try again shortly."
_TOO_MANY_VALUES = "The body is no JSON, or has more values or blanks than any request has."


class Bodies:
    """The largest body of some callers, and the memory for those that are still arriving.

    When that is used up, unfinished bodies are refused: of the owner with the most bytes in them,
    and of these the oldest. With `reserved` alone that never happens.
    """

    def __init__(self, largest: int, together: int) -> None:
        self._largest = largest
        self._together = together
        self._unfinished: dict[_Body, None] = {}  # the oldest first
        self._sizes = Counter[Hashable]()  # by owner

    def bounded(self, request: Request, owner: Hashable) -> Request:
        """Return the request with its body bounded. Raises HTTPException (413)."""
        declared = parse_whole_number(request.headers.get("content-length", "")) or 0
        self.check(declared)
        return _Request(request.scope, _Body(self, request, owner).receive, request._send)

    def reserved(self, request: Request, owner: Hashable) -> Request | None:
        """Return the request with room for its whole body, which is then refused for no other.

        None where its size is not known or too large, or there is no room for it.
        """
        declared = parse_whole_number(request.headers.get("content-length", ""))
        if declared is None or declared > self._largest:
            return None
        if self._sizes.total() + declared > self._together:
            return None
        body = _Body(self, request, owner, declared)
        return _Request(request.scope, body.receive, request._send)

    def check(self, size: int) -> None:
        """Raise HTTPException (413) for a body of this size, if it is too large."""
        # FastAPI passes HTTPException on while it reads a body, and hides any other error.
        if size > self._largest:
            raise HTTPException(413)

    def hold(self, body: _Body, size: int) -> None:
        """Count bytes of an unfinished body, and refuse bodies if there are too many."""
        self._unfinished[body] = None
        self._sizes[body.owner] += size
        while self._sizes.total() > self._together:
            ((largest, _),) = self._sizes.most_common(1)
            next(body for body in self._unfinished if body.owner == largest).refuse()

    def release(self, body: _Body, size: int) -> None:
        """Forget a body, of which so many bytes were counted."""
        if body in self._unfinished:
            del self._unfinished[body]
            self._sizes[body.owner] -= size
            if not self._sizes[body.owner]:
                del self._sizes[body.owner]


class _Request(Request):
    """A request whose body is parsed only if that takes little of the event loop's time."""

    async def json(self) -> Any:
        body = await self.body()
        try:
            return bounded_json.parse(body, MAX_BODY_STRUCTURE)
        except bounded_json.TooManyValues:
            raise HTTPException(422, _TOO_MANY_VALUES) from None


class _Body:
    """One body on its way; while it is not whole, its pieces are counted."""

    def __init__(
        self, bodies: Bodies, request: Request, owner: Hashable, reserved: int = 0
    ) -> None:
        self.owner = owner
        self._bodies = bodies
        self._receive = request.receive
        self._deadline = asyncio.get_running_loop().time() + BODY_SECONDS
        self._received = 0
        self._held = reserved
        self._waiting: asyncio.Timeout | None = None
        self._is_refused = False
        if reserved:
            bodies.hold(self, reserved)

    async def receive(self) -> Message:
        try:
            async with asyncio.timeout_at(self._deadline) as self._waiting:
                message = await self._receive()
            self._count(message)
        except BaseException as error:
            self._release()
            if self._is_refused:
                raise HTTPException(503, _TOO_MANY) from None
            if isinstance(error, TimeoutError):
                raise HTTPException(408) from None
            raise
        return message

    def refuse(self) -> None:
        """Read no more of it: the wait for its next piece ends with HTTPException (503)."""
        self._is_refused = True
        self._release()
        if self._waiting and not self._waiting.expired():
            self._waiting.reschedule(0)

    def _count(self, message: Message) -> None:
        self._received += len(message.get("body", b""))
        self._bodies.check(self._received)
        if not message.get("more_body", False):
            self._release()
        elif (size := self._received - self._held) > 0:
            self._held += size
            self._bodies.hold(self, size)

    def _release(self) -> None:
        self._bodies.release(self, self._held)
        self._held = 0


# A login or a registration is a few hundred bytes.
OF_STRANGERS = Bodies(largest=65_536, together=8 * 2**20)
# Of callers who are not checked yet. If there is no room, the caller is checked first, not refused.
OF_CLAIMS = Bodies(largest=65_536, together=8 * 2**20)
OF_CALLERS = Bodies(largest=MAX_BODY_BYTES, together=128 * 2**20)
