"""The event streams that are open in this process, bounded for each user.

A stream keeps its text in memory until its client has taken it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from uuid import UUID

from askcli.errors import TooManyStreams
from askcli.metrics import names

# A batch opens 64 at most; shells and pages of the same user have the rest.
MOST_OF_A_USER = 100
RETRY_AFTER_SECONDS = 2

# Ends a stream if its client takes nothing of it; returns whether so.
EndIfUntaken = Callable[[], bool]


class OpenStream:
    """A stream that counts, until the end of its `with` block."""

    __slots__ = ("_streams", "_user_id")

    def __init__(self, streams: OpenStreams, user_id: UUID) -> None:
        self._streams, self._user_id = streams, user_id

    def __enter__(self) -> OpenStream:
        return self

    def __exit__(self, *_: object) -> None:
        self._streams.discard(self._user_id, self)


class OpenStreams:
    """The open streams of each user, up to a number.

    Beyond it a new one takes the place of the oldest whose client takes nothing. That client, if
    it is still there, rejoins; no two that read can end each other's streams.
    """

    def __init__(self, most: int = MOST_OF_A_USER) -> None:
        self._most = most
        # The oldest of a user first.
        self._streams = defaultdict[UUID, dict[OpenStream, EndIfUntaken]](dict)

    @property
    def count(self) -> int:
        """Number of open streams."""
        return sum(map(len, self._streams.values()))

    def is_full(self, user_id: UUID) -> bool:
        """Whether a new stream of the user takes the place of another, or finds none."""
        return len(self._streams.get(user_id, ())) >= self._most

    def one(self, user_id: UUID, end_if_untaken: EndIfUntaken) -> OpenStream:
        """Return a stream of the user, which counts from now on. Raises TooManyStreams."""
        self._make_room(user_id)
        stream = OpenStream(self, user_id)
        self._streams[user_id][stream] = end_if_untaken
        return stream

    def _make_room(self, user_id: UUID) -> None:
        if not self.is_full(user_id):
            return
        streams = self._streams[user_id]
        untaken = next((key for key, end_if_untaken in streams.items() if end_if_untaken()), None)
        if untaken is None:
            names.LIMITS.add("streams")
            most = f"{self._most} event streams"
            raise TooManyStreams(
                f"You have {most} open here, which is the most; end some first.",
                retry_after=RETRY_AFTER_SECONDS,
            )
        self.discard(user_id, untaken)

    def discard(self, user_id: UUID, stream: OpenStream) -> None:
        """Remove a stream, which may have been removed before its end."""
        streams = self._streams[user_id]
        streams.pop(stream, None)
        if not streams:
            del self._streams[user_id]
