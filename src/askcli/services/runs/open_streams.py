"""The event streams that are open in this process, bounded for each user.

A stream keeps its text in memory until its client has taken it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from askcli.errors import TooManyStreams

# A batch opens 64 at most; shells and pages of the same user have the rest.
MOST_OF_A_USER = 100


class OpenStreams:
    """Counts the open streams of each user."""

    def __init__(self, most: int = MOST_OF_A_USER) -> None:
        self._most = most
        self._counts = Counter[UUID]()

    @contextmanager
    def one(self, user_id: UUID) -> Iterator[None]:
        """Count a stream of the user during the block. Raises TooManyStreams."""
        if self._counts[user_id] >= self._most:
            raise TooManyStreams(
                f"You have {self._most} event streams open here, which is the most; end some first."
            )
        self._counts[user_id] += 1
        try:
            yield
        finally:
            self._counts[user_id] -= 1
            if not self._counts[user_id]:
                del self._counts[user_id]
