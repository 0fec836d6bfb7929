"""Long bodies of responses: sent in parts, and bounded in memory all together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import Message, Send

PART_BYTES = 65_536

# Sixteen of the largest pages of plain text.
MAX_UNSENT_BYTES = 67_108_864


@dataclass(frozen=True, slots=True, eq=False)
class _Body:
    owner: Hashable
    size: int
    abort_if_stalled: Callable[[], bool]


class Unsent:
    """The long bodies that are being sent, up to a number of bytes.

    Beyond it connections are aborted whose clients have stalled: first of the user whose bodies
    are the largest together, and of these the one that has stalled for the longest.
    """

    def __init__(self, limit: int = MAX_UNSENT_BYTES) -> None:
        self._limit = limit
        self._bodies: dict[_Body, None] = {}  # those stalled for the longest first

    async def send(self, message: Message, send: Send, state: Mapping[str, Any]) -> None:
        """Send a message; a long body in parts, so that its rest waits for the client.

        `state` is that of the request: its caller, and how its connection is aborted.
        """
        whole = message.get("body", b"")
        if len(whole) < PART_BYTES:
            await send(message)
            return
        rest = memoryview(whole)
        caller = state.get("caller")
        body = _Body(caller and caller.user_id, len(rest), state["abort_if_stalled"])
        self._bodies[body] = None
        self._make_room()
        try:
            while rest:
                part, rest = rest[:PART_BYTES], rest[PART_BYTES:]
                is_last = not rest and not message.get("more_body", False)
                await send({**message, "body": part, "more_body": not is_last})
                self._move_to_end(body)
        finally:
            self._bodies.pop(body, None)

    def _move_to_end(self, body: _Body) -> None:
        if body in self._bodies:  # not aborted
            del self._bodies[body]
            self._bodies[body] = None

    def _make_room(self) -> None:
        while (body := self._excess()) is not None:
            del self._bodies[body]

    def _excess(self) -> _Body | None:
        """Abort a connection if the bodies are too large together; return its body."""
        sizes = Counter[Hashable]()
        for body in self._bodies:
            sizes[body.owner] += body.size
        if sizes.total() <= self._limit:
            return None
        largest_first = sorted(self._bodies, key=lambda body: -sizes[body.owner])
        return next((body for body in largest_first if body.abort_if_stalled()), None)
