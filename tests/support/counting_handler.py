"""A connection to a provider that counts what is taken; this module loads the SDK."""

from __future__ import annotations

from typing import Any

from askcli.answerers.messages_api.connections import BoundedHandler


class Counting(BoundedHandler):
    """A connection that waits for a response, and counts what is taken."""

    parsed = 0
    taken = 0  # bytes of the reads before the connection was closed

    def data_received(self, data: bytes) -> None:
        if self.exception() is None:
            self.taken += len(data)
        super().data_received(data)

    def feed_data(self, data: Any, size: int = 0) -> None:
        self.parsed += 1
        super().feed_data(data, size)
