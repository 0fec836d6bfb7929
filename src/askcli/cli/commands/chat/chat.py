"""A chat: what is typed is asked, or is a command that begins with a slash."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from functools import partial

from askcli.cli.commands.chat import slash, start, turns
from askcli.cli.commands.chat.completing import SlashCompleter
from askcli.cli.commands.chat.conversation import Conversation
from askcli.cli.commands.chat.elsewhere import Elsewhere
from askcli.cli.commands.chat.guard import Guard
from askcli.cli.commands.chat.prompt import Prompt, sequences
from askcli.cli.input.question import is_text
from askcli.cli.input.terminal_modes import keys_kept, wait_for_terminal
from askcli.cli.output.terminal import console
from askcli.contract.shapes import Question

log = logging.getLogger("askcli.notices")


class Chat:
    """A conversation at a prompt, which shows the turns that are asked elsewhere, too."""

    def __init__(self, conversation: Conversation, *, is_vi: bool) -> None:
        settings = conversation.connection.settings
        self._conversation = conversation
        self._guard = Guard()
        self._prompt = Prompt(settings.state_dir, SlashCompleter(slash.COMMANDS), is_vi=is_vi)
        self._elsewhere = Elsewhere(
            conversation.connection.api,
            self._show_elsewhere_above,
            settings.idle_seconds if conversation.connection.is_local else None,
        )
        conversation.on_stored, conversation.on_left = self._note, self._elsewhere.forget

    def run(self, choice: start.Choice) -> None:
        """Converse until the user leaves."""
        with keys_kept(sys.stdin.fileno(), *sequences()), self._conversation:
            if not choice.is_new:
                self._go_on(choice)
            with self._guard.nothing_else(), suppress(slash.Leave):
                while (typed := self._typed()) is not None:
                    self._handle(typed)

    def _go_on(self, choice: start.Choice) -> None:
        """Show the last turns; an answer that is still running is joined."""
        conversation = self._conversation
        conversation.begin(start.conversation_id(choice, conversation.connection, conversation.api))
        assert conversation.id
        latest, has_earlier = turns.latest(conversation.api, conversation.id)
        if not latest:
            conversation.api.conversation(conversation.id)  # it may not exist
        self._elsewhere.begin(conversation.id, latest[0]["id"] if latest else "")
        if has_earlier:
            words = f"history show --conversation {conversation.id}"
            log.info("Earlier turns: %s", conversation.connection.command(words))
        for turn in latest:
            self._elsewhere.know(turn["id"])
            conversation.last = turn
            if turn["status"] == "answering":
                turns.show_question(turn["question"])
                self._guard.call(partial(conversation.rejoin, turn["id"]))
            else:
                turns.show(turn)

    def _typed(self) -> str | None:
        """Return what the user types next; None when they leave."""
        wait_for_terminal(sys.stdin.fileno())
        self._elsewhere.look()
        try:
            return self._prompt.read()
        except KeyboardInterrupt:
            log.info("Ctrl-D leaves.")
            return ""
        finally:
            self._elsewhere.rest()
            self._guard.call(self._show_elsewhere)

    def _handle(self, typed: str) -> None:
        if not is_text(typed):
            console.note("askcli: error: what was typed is not UTF-8 text.")
        elif command := slash.parse(typed):
            self._guard.call(partial(command.run, self._conversation))
            if self._conversation.id is None:
                self._elsewhere.begin(None)
        elif typed.strip():
            self._guard.call(partial(self._conversation.ask, typed))

    def _note(self, stored: Question) -> None:
        self._elsewhere.begin(stored["conversation_id"])
        self._elsewhere.know(stored["id"])

    def _show_elsewhere_above(self) -> None:
        self._prompt.write_above(self._show_elsewhere)

    def _show_elsewhere(self) -> None:
        for turn in self._elsewhere.take():
            turns.show(turn)
            self._conversation.update(turn)
