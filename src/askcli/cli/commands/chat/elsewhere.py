"""Turns that are asked elsewhere in the conversation, found while the user types."""

from __future__ import annotations

import threading
from collections.abc import Callable

from askcli.cli.commands.chat import turns
from askcli.client.api import Api
from askcli.contract.shapes import Question
from askcli.errors import AskcliError

# Between two looks: soon after a turn, and seldom in a chat that was left open.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, GROWTH = 2.0, 30.0, 1.3
LISTED = 20


class Elsewhere:
    """Looks for turns in a thread and on a connection of its own; one is found when it has ended.

    It looks only between `look` and `rest`.
    """

    def __init__(self, connect: Callable[[], Api], on_found: Callable[[], None]) -> None:
        self._connect = connect
        self._on_found = on_found
        self._condition = threading.Condition()
        self._conversation_id: str | None = None
        self._is_looking = False
        self._pause = FIRST_PAUSE_SECONDS
        self._known: set[str] = set()
        self._found: list[Question] = []
        self._thread: threading.Thread | None = None

    def begin(self, conversation_id: str | None) -> None:
        """Look in this conversation from now on, None for one that is not stored yet."""
        with self._condition:
            if conversation_id != self._conversation_id:
                self._conversation_id = conversation_id
                self._known, self._found = set(), []

    def know(self, question_id: str) -> None:
        """This turn has been shown."""
        with self._condition:
            self._known.add(question_id)

    def look(self) -> None:
        """Look for turns until `rest`."""
        with self._condition:
            self._is_looking, self._pause = True, FIRST_PAUSE_SECONDS
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
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
        with self._connect() as api:
            while True:
                conversation_id = self._next()
                try:
                    ended = [
                        turn
                        for turn in turns.latest(api, conversation_id, LISTED)[0]
                        if turn["status"] != "answering"
                    ]
                except AskcliError:  # the user's own next question says what is wrong
                    continue
                if self._add(conversation_id, ended):
                    self._on_found()

    def _next(self) -> str:
        """Wait for the time to look; return the conversation to look in."""
        with self._condition:
            while True:
                self._condition.wait_for(lambda: self._is_looking and self._conversation_id)
                is_over = self._condition.wait_for(lambda: not self._is_looking, self._pause)
                if not is_over and self._conversation_id:
                    self._pause = min(self._pause * GROWTH, LONGEST_PAUSE_SECONDS)
                    return self._conversation_id

    def _add(self, conversation_id: str, ended: list[Question]) -> bool:
        """Add turns that are not known; return whether there were any."""
        with self._condition:
            if conversation_id != self._conversation_id:
                return False
            new = [turn for turn in ended if turn["id"] not in self._known]
            self._found += new
            self._known.update(turn["id"] for turn in new)
            if new:
                self._pause = FIRST_PAUSE_SECONDS
            return bool(new) and self._is_looking
