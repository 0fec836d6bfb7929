"""One question to its end, across lost connections and restarted servers.

Every attempt carries the same idempotency key. Once the server has acknowledged the question, only
its events are requested, from the last character received on, so that no text is lost or repeated
and no answer is paid for twice.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from askcli.client.api import Api
from askcli.client.http.events import Event, Events
from askcli.contract.limits import MAX_ANSWER_CHARACTERS
from askcli.contract.protocol import EVENT_DELTA, EVENT_DONE, EVENT_QUESTION
from askcli.errors import (
    AskcliError,
    BadResponse,
    ProxyRefused,
    TooLate,
    TooManyStreams,
    Unreachable,
    Untrusted,
)

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 10.0
MOST_DOUBLINGS = 10  # the longest pause comes before: after a thousand a float overflows
# Until the server has the question, or has said that all of the user's streams are open, the
# address may be wrong, so retries are limited; afterwards lost connections are retried without a
# limit. Streams that bring only errors are limited too: a server that works sends something new.
UNACKNOWLEDGED_ATTEMPTS = FRUITLESS_ATTEMPTS = 7
# What a server may ask to wait with Retry-After; for longer, the user decides.
LONGEST_WAIT_SECONDS = 300
RETRIED_STATUSES = (502, 503, 504)

passing = logging.getLogger("askcli.notices.passing")

Connect = Callable[[], AbstractContextManager[Events]]


def wait_as_told(error: AskcliError, most: int = LONGEST_WAIT_SECONDS) -> None:
    """Wait for the error's Retry-After. Raises the error where it has none, or one above `most`."""
    if error.retry_after is None or error.retry_after > most:
        raise error
    time.sleep(error.retry_after)


class Asking:
    """One question on its way; `question_id` is set once the server has stored it.

    `is_broken_off` is set where an error that no retry mends, or the caller's time-out, ends the
    wait for its events: without a word of the server's on how the answer ended, which may go on.
    """

    def __init__(self, api: Api, question_id: str | None = None) -> None:
        self._api = api
        self.question_id = question_id
        self._characters = 0
        self.failure: AskcliError | None = None  # of the last try, until an event has come
        self._failures = 0  # in a row, without anything new between them
        self._fruitless = 0  # of these, the streams that a temporary error has ended
        self._acknowledged = False
        self.is_broken_off = False
        self._waits_for_stream = False

    def ask(self, body: Mapping[str, Any], key: str) -> Iterator[Event]:
        """Ask, and yield the events up to `done` or `error`.

        Retries for as long as the caller reads. Raises errors that no retry can mend.
        """
        return self._events(lambda: self._api.ask(body, key))

    def rejoin(self) -> Iterator[Event]:
        """Yield the events of a stored question from its beginning."""
        assert self.question_id is not None
        return self._events(self._follow)

    def _follow(self) -> AbstractContextManager[Events]:
        return self._api.events(self.question_id or "", self._characters)

    def _events(self, first: Connect) -> Iterator[Event]:
        while True:
            connect = self._follow if self.question_id else first
            try:
                with connect() as events:
                    for event in self._last() if events is None else events:
                        if self._is_new(event):
                            yield event
                        if event.is_last:
                            return
                raise Unreachable("the connection closed before the answer was whole.")
            except AskcliError as error:
                self._waits_for_stream |= isinstance(error, TooManyStreams)
                if not self._is_temporary(error) or self._is_given_up(error):
                    self.is_broken_off = self._acknowledged
                    self._check_is_asked(error.question_id)
                    raise
                self._pause(error)

    def _last(self) -> Iterator[Event]:
        """Yield the last event of an answer that has ended, and whose text is here already."""
        if self.question_id is None:  # nobody has said that it was asked
            raise BadResponse()
        with self._api.events(self.question_id, 0) as events:
            yield from (event for event in events or () if event.is_last)

    def _is_new(self, event: Event) -> bool:
        """Track the event's progress; False for a question event that was yielded before.

        Raises the error of an `error` event that a retry may mend.
        """
        if error := event.error():
            self._check_is_asked(error.question_id)
            if self._is_temporary(error):
                self._fruitless += 1
                raise error
            return True
        self.failure = None
        if event.name == EVENT_QUESTION and not self._is_first(event.data["id"]):
            return False
        if event.name == EVENT_DELTA:
            self._advance(event)
        if event.name == EVENT_DONE and len(event.data["answer"]) != self._characters:
            raise BadResponse()  # a part of the answer is missing
        if event.name == EVENT_DONE and self.question_id != event.data["id"]:
            raise BadResponse()
        self._failures = self._fruitless = 0
        return True

    def _is_first(self, question_id: str) -> bool:
        """Return whether this is the first `question` event; another one is no progress."""
        self._check_is_asked(question_id)
        self.question_id = question_id
        is_repeated, self._acknowledged = self._acknowledged, True
        return not is_repeated

    def _check_is_asked(self, question_id: str | None) -> None:
        """Raise BadResponse where a response names another question than the one asked."""
        if None not in (question_id, self.question_id) and question_id != self.question_id:
            raise BadResponse()

    def _advance(self, event: Event) -> None:
        """Count the characters. Raises BadResponse if some are missing, repeated or too many."""
        self._characters += len(event.data["text"])
        is_next = event.characters == self._characters and event.data["text"]
        if not is_next or self._characters > MAX_ANSWER_CHARACTERS:
            raise BadResponse()

    def _is_temporary(self, error: AskcliError) -> bool:
        """Return whether a retry may succeed: a question stored as failed stays failed."""
        if (error.retry_after or 0) > LONGEST_WAIT_SECONDS:
            return False
        if isinstance(error, Unreachable | TooManyStreams):  # streams end, as answers do
            return True
        is_stored_end = error.question_id is not None and not self._may_follow_another_run(error)
        return error.status in RETRIED_STATUSES and not is_stored_end

    def _may_follow_another_run(self, error: AskcliError) -> bool:
        """Return whether the question goes on, or has been answered, in another run.

        Its text replaces none that is here already.
        """
        return error.question_status in ("answering", "answered") and not self._characters

    def _is_given_up(self, error: AskcliError) -> bool:
        is_limited = self.question_id is None and not self._waits_for_stream
        is_lasting = isinstance(error, TooLate | Untrusted | ProxyRefused)
        return self._fruitless >= FRUITLESS_ATTEMPTS or (
            is_limited and (is_lasting or self._failures + 1 >= UNACKNOWLEDGED_ATTEMPTS)
        )

    def _pause(self, error: AskcliError) -> None:
        doublings = min(self._failures, MOST_DOUBLINGS)
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**doublings)
        pause = random.uniform(longest / 2, longest)  # noqa: S311 - jitter is no secret
        if error.retry_after is not None:
            pause = max(pause, error.retry_after)
        self._failures, self.failure = self._failures + 1, error
        passing.info("Trying again in %.1f s: %s", pause, " ".join(error.detail.split()))
        time.sleep(pause)
