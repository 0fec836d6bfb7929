"""Turns that are asked elsewhere in the conversation, found while the user types."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from askcli.cli.commands.chat import turns
from askcli.cli.output.terminal.held_signals import start_without_signals
from askcli.client.api import Api
from askcli.contract.shapes import Question
from askcli.errors import AskcliError

# Between two looks: soon after a turn, and seldom in a chat that was left open.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, GROWTH = 2.0, 30.0, 1.3
LISTED = 20


class Elsewhere:
    """Looks for turns in a thread and on a connection of its own; one is found when it has ended.

    It looks only between `look` and `rest`, and for `most_seconds` at most (None: all the time):
    each look keeps a local server from being idle.
    """

    def __init__(
        self,
        connect: Callable[[], Api],
        on_found: Callable[[], None],
        most_seconds: float | None = None,
    ) -> None:
        self._connect = connect
        self._on_found = on_found
        self._most_seconds = most_seconds
        self._condition = threading.Condition()
        self._conversation_id: str | None = None
        self._is_looking = False
        self._looks_until = 0.0
        self._pause = FIRST_PAUSE_SECONDS
        # The last turn of a conversation whose turns had all ended: as long as it is the last one,
        # a look asks for no text.
        self._settled: str | None = None
        self._after = ""
        self._known: set[str] = set()
        self._found: list[Question] = []
        self._thread: threading.Thread | None = None

    def begin(self, conversation_id: str | None, after: str = "") -> None:
        """Look in this conversation from now on, None for one that is not stored yet.

        Turns before the question `after` are not looked for: ids are in the order of time.
        """
        with self._condition:
            if conversation_id != self._conversation_id:
                self._conversation_id, self._after = conversation_id, after
                self._known, self._found = set(), []

    def know(self, question_id: str) -> None:
        """This turn has been shown."""
        with self._condition:
            self._known.add(question_id)

    def forget(self, question_id: str) -> None:
        """Not all of this turn has been shown: it is found once it has ended."""
        with self._condition:
            self._known.discard(question_id)
            self._settled = None

    def look(self) -> None:
        """Look for turns until `rest`."""
        with self._condition:
            self._is_looking, self._pause = True, FIRST_PAUSE_SECONDS
            self._looks_until = time.monotonic() + (self._most_seconds or math.inf)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                if not start_without_signals(self._thread):
                    self._thread = None  # nothing is found until the next `look`
            self._condition.notify()

    def rest(self) -> None:
        """Stop looking."""
        with self._condition:
            self._is_looking = False

    def take(self) -> list[Question]:
        """Return the turns that were found, oldest first; they count as shown."""
        with self._condition:
            found, self._found = self._found, []
            return found

    def _run(self) -> None:
        api: Api | None = None
        while True:
            conversation_id = self._next()
            # Whatever fails, the user's own next question says it.
            with suppress(AskcliError):
                api = api or self._connect()
                if self._look(api, conversation_id):
                    self._on_found()

    def _look(self, api: Api, conversation_id: str) -> bool:
        """Look once; return whether there is a new turn to show."""
        last = api.conversation(conversation_id)["last_question_id"]
        if last == self._settled:
            return False
        listed, _ = turns.latest(api, conversation_id, LISTED)
        ended = [turn for turn in listed if turn["status"] != "answering"]
        if len(ended) == len(listed):
            self._settled = last
        return self._add(conversation_id, ended)

    def _next(self) -> str:
        """Wait for the time to look; return the conversation to look in."""
        with self._condition:
            while True:
                self._condition.wait_for(self.may_look)
                is_over = self._condition.wait_for(lambda: not self._is_looking, self._pause)
                if not is_over and self._conversation_id:
                    self._pause = min(self._pause * GROWTH, LONGEST_PAUSE_SECONDS)
                    return self._conversation_id

    def may_look(self) -> bool:
        """Whether there is something to look for, and time for it."""
        is_time = time.monotonic() < self._looks_until
        return self._is_looking and self._conversation_id is not None and is_time

    def _add(self, conversation_id: str, ended: list[Question]) -> bool:
        """Add turns that are not known; return whether there were any."""
        with self._condition:
            if conversation_id != self._conversation_id:
                return False
            later = [turn for turn in ended if turn["id"] >= self._after]
            new = [turn for turn in later if turn["id"] not in self._known]
            self._found += new
            self._known.update(turn["id"] for turn in new)
            if new:
                self._pause = FIRST_PAUSE_SECONDS
            return bool(new) and self._is_looking
