"""The rows that are being asked, each of which reserves the most that it may cost until its end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from askcli.client.resume import wait_as_told
from askcli.errors import QuotaExceeded

T = TypeVar("T")


class UnderWay:
    """Lets a row that a quota refuses wait for what the rows under way have reserved of it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked = self._ended = 0  # those that a quota has refused have not ended

    def ask(self, ask: Callable[[], T]) -> T:
        """Return `ask()`; where it raises QuotaExceeded, again once another row has ended.

        Or another question of the user's, where the server says that the wait is short. Raises
        QuotaExceeded where it is not.
        """
        while True:
            ended = self._ended
            try:
                with self:
                    return ask()
            except QuotaExceeded as error:
                if not self._wait(ended):
                    wait_as_told(error)

    def __enter__(self) -> None:
        with self._changed:
            self._asked += 1

    def __exit__(self, _: object, error: object, __: object) -> None:
        with self._changed:
            self._asked -= 1
            self._ended += not isinstance(error, QuotaExceeded)
            self._changed.notify_all()

    def _wait(self, ended: int) -> bool:
        """Wait until more have ended, and return True; False where none is left that could."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended > ended or not self._asked)
            return self._ended > ended
