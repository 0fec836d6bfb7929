"""The conversation of a chat: its next question, and the answers that are printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from askcli.cli.commands.ask.answering import Stopped, may_go_on, opened, print_events
from askcli.cli.commands.chat import turns
from askcli.cli.input import attachments, question
from askcli.cli.output.answer import Noted, printer
from askcli.cli.output.terminal import console, spinner
from askcli.client.api import Api
from askcli.client.http.events import Event
from askcli.client.resume import Asking
from askcli.client.target import Connection
from askcli.contract.protocol import EVENT_QUESTION
from askcli.contract.shapes import Question
from askcli.errors import AskcliError, Misused, NotFound

GONE = "the conversation was deleted: /new begins another, in which /retry asks the question."


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A question of which the server has not said that it has it: it may be stored, or not."""

    body: dict[str, Any]
    key: str
    has_files: bool

    @property
    def question(self) -> str:
        """Its text, with that of its files."""
        return cast(str, self.body["question"])


class Conversation(ExitStack):
    """What the next question goes on with; `settings` are fields of it, `files` go with it.

    `id` is None until its first question is stored. `on_stored` is called with each question that
    is asked here, once the server has it; `on_left` with the id of one whose answer may go on.
    """

    def __init__(self, connection: Connection, settings: dict[str, Any], files: list[Path]) -> None:
        super().__init__()
        self.connection = connection
        self.settings = settings
        self.files = files
        self.id: str | None = None
        self.last: Question | None = None
        self._unconfirmed: Unconfirmed | None = None
        self.on_stored: Callable[[Question], None] = lambda _: None
        self.on_left: Callable[[str], None] = lambda _: None

    @cached_property
    def api(self) -> Api:
        """The API, opened for the first question; a local server is started then."""
        return self.enter_context(opened(self.connection))

    def begin(self, conversation_id: str | None) -> None:
        """Go on with this conversation, None for a new one."""
        self.id, self.last = conversation_id, None

    def stored_id(self) -> str:
        """Return its id. Raises Misused before the first question is stored."""
        if self.id is None:
            raise Misused("nothing was asked in this conversation yet.")
        return self.id

    def last_turn(self) -> Question:
        """Return the last turn that was shown here. Raises Misused where there is none.

        Where the end of its answer was not seen here, the server is asked for it.
        """
        if self._last()["status"] == "answering":
            self.last = self.api.question(self._last()["id"])
        return self._last()

    def _last(self) -> Question:
        if self.last is None:
            raise Misused("nothing was asked in this conversation yet.")
        return self.last

    def update(self, turn: Question) -> None:
        """Take what has become of the last turn, whose answer was left running."""
        if self.last and self.last["id"] == turn["id"]:
            self.last = turn

    def ask(self, text: str, noted: Noted = iter) -> None:
        """Ask, with the files that were added, and print the answer; `noted` passes its events."""
        whole = question.joined(text, attachments.read(self.files))
        self._send(whole, noted, has_files=True)

    def show_and_ask(self, text: str, noted: Noted) -> None:
        """Ask what was not typed at the prompt: it is shown first."""
        turns.show_question(text)
        self.ask(text, noted)

    def retry(self) -> None:
        """Ask the last question again, with the settings of the conversation."""
        if last := self._unconfirmed:
            self._send(last.question, has_files=last.has_files)
        else:
            self._send(self._last()["question"])

    def rejoin(self, question_id: str) -> None:
        """Follow the answer from its beginning."""
        asking = Asking(self.api, question_id)
        self._print(asking, asking.rejoin())

    def _send(self, text: str, noted: Noted = iter, *, has_files: bool = False) -> None:
        spinner.show("Asking…")
        sent = self._keyed({"question": text} | self._fields(), has_files=has_files)
        asking = Asking(self.api)
        events = noted(asking.ask(sent.body, sent.key))
        try:
            self._print(asking, events)
        except NotFound as error:
            if asking.question_id is None:
                error.detail = GONE
            raise

    def _fields(self) -> dict[str, Any]:
        return self.settings | ({"conversation_id": self.id} if self.id else {})

    def _keyed(self, body: dict[str, Any], *, has_files: bool) -> Unconfirmed:
        """Return the question with its key: that of before where it is the same, sent again."""
        before = self._unconfirmed
        key = before.key if before and before.body == body else str(uuid4())
        self._unconfirmed = Unconfirmed(body, key, has_files)
        return self._unconfirmed

    def _print(self, asking: Asking, events: Iterator[Event]) -> None:
        show = printer(as_json=False, ndjson=False, raw=False)
        go_on = self.connection.command("chat -c --max-tokens N")
        longer = f"leave, and go on with `{go_on}`."
        try:
            noted = self._noted(events)
            print_events(self.connection, self.api, asking, noted, show, longer)
        except AskcliError as error:
            if asking.question_id and may_go_on(asking, error):
                self.on_left(asking.question_id)
            raise
        except Stopped as stopped:
            if stopped.question and stopped.question["status"] != "answering":
                self.update(stopped.question)
            elif stopped.question_id:
                self.on_left(stopped.question_id)
            raise
        finally:
            console.out("\n")

    def _noted(self, events: Iterator[Event]) -> Iterator[Event]:
        for event in events:
            if event.name == EVENT_QUESTION:
                self._note(event.data)
            elif event.is_last and event.error() is None:
                self.last = cast(Question, event.data)
            yield event

    def _note(self, event: Mapping[str, Any]) -> None:
        """Note that a question is stored: its conversation has the settings and files it gave."""
        stored = cast(Question, event)
        if sent := self._unconfirmed:
            self.settings, self._unconfirmed = {}, None
            self.files = [] if sent.has_files else self.files
        self.id, self.last = stored["conversation_id"], stored
        self.on_stored(stored)
