"""Ask until there is an end: one question, across lost connections and servers that restart.

Every try carries the same idempotency key, and once the server has acknowledged the question, only
its events are asked for, after the last character that came. So nothing is lost, doubled or paid
for twice, however often this begins again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from askcli.client.api import Api
from askcli.client.transport import Event
from askcli.contract import EVENT_DELTA, EVENT_QUESTION
from askcli.errors import AskcliError, Unreachable

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 10.0
# As long as nobody has the question, the address may as well be wrong; after that never give up.
TRIES_UNACKNOWLEDGED = 7
ASK_AGAIN_STATUSES = (502, 503, 504)


class Asking:
    """One question on its way; `question_id` is set once the server has it."""

    def __init__(
        self, api: Api, tell: Callable[[str], None], question_id: str | None = None
    ) -> None:
        self._api = api
        self._tell = tell
        self.question_id = question_id
        self._characters = 0
        self._failures = 0
        self._acknowledged = False

    def ask(self, body: Mapping[str, Any], key: str) -> Iterator[Event]:
        """Ask, and yield the events to the end: `done`, or `error`.

        Tries again, for as long as the caller cares to read on. Raises what another try cannot
        mend.
        """
        return self._events(lambda: self._api.ask(body, key))

    def rejoin(self) -> Iterator[Event]:
        """Yield the events of a question that was asked before, from its beginning."""
        assert self.question_id is not None
        return self._events(self._follow)

    def _follow(self) -> AbstractContextManager[Iterator[Event]]:
        return self._api.events(self.question_id or "", self._characters)

    def _events(
        self, first: Callable[[], AbstractContextManager[Iterator[Event]]]
    ) -> Iterator[Event]:
        while True:
            try:
                with self._follow() if self.question_id else first() as events:
                    for event in events:
                        if self._is_news(event):
                            yield event
                        if event.is_last:
                            return
                raise Unreachable("the connection closed before the answer was whole.")
            except AskcliError as error:
                if not _may_pass(error) or self._is_hopeless():
                    raise
                self._pause(error)
                self._api.revive()

    def _is_news(self, event: Event) -> bool:
        """Note what the event tells; whether it is the caller's first sight of it.

        Raises the error of an `error` event that another try may mend.
        """
        self._failures = 0
        if (error := event.error()) and _may_pass(error):
            raise error
        if event.name == EVENT_DELTA:
            self._characters = int(event.id or 0)
        if event.name == EVENT_QUESTION:
            self.question_id = event.data["id"]
            known, self._acknowledged = self._acknowledged, True
            return not known
        return True

    def _is_hopeless(self) -> bool:
        return self.question_id is None and self._failures + 1 >= TRIES_UNACKNOWLEDGED

    def _pause(self, error: AskcliError) -> None:
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**self._failures)
        pause = random.uniform(longest / 2, longest)  # noqa: S311 - jitter is no secret
        if error.retry_after is not None:
            pause = max(pause, error.retry_after)
        self._failures += 1
        self._tell(f"{error.detail} Trying again in {pause:.1f} s.")
        time.sleep(pause)


def _may_pass(error: AskcliError) -> bool:
    """Whether another try can mend it. A question that was stored with its failure keeps it."""
    if isinstance(error, Unreachable):
        return True
    return error.status in ASK_AGAIN_STATUSES and error.question_id is None
