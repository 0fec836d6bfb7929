"""Which conversation a chat goes on with."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from askcli.cli.commands.history import layout
from askcli.cli.input import question_ids
from askcli.cli.input.last_conversation import last_of
from askcli.cli.output.numbers import counted
from askcli.cli.output.terminal import console
from askcli.cli.output.times import ago
from askcli.client.api import Api
from askcli.client.target import Connection
from askcli.contract.shapes import Conversation
from askcli.errors import Misused

# What --resume lists.
LISTED = 20


@dataclass(frozen=True, slots=True)
class Choice:
    """The option that names the conversation, of which one at most is set."""

    go_on: bool = False
    last: bool = False
    resume: bool = False
    conversation: str | None = None

    @property
    def is_new(self) -> bool:
        """Whether a new conversation begins."""
        return not (self.go_on or self.last or self.resume or self.conversation)


def conversation_id(choice: Choice, connection: Connection, api: Api) -> str:
    """Return the conversation that was chosen. Raises Misused where there is none yet."""
    if choice.conversation:
        return question_ids.resolve_conversation(api, choice.conversation)
    if choice.go_on:
        return last_of(connection).id
    if choice.last:
        return question_ids.resolve_conversation(api, question_ids.LAST)
    return _picked(api.conversations(limit=LISTED)["items"])


def _picked(listed: list[Conversation]) -> str:
    """Let the user choose. Raises Misused where there is none, KeyboardInterrupt."""
    if not listed:
        raise Misused("you have no conversation yet: `askcli chat` begins one.")
    from prompt_toolkit.shortcuts import choice  # for this alone

    room = max(20, shutil.get_terminal_size().columns - 36)
    labels = [(one["id"], _label(one, room)) for one in listed]
    return choice("Which conversation goes on?", options=labels)


def _label(conversation: Conversation, room: int) -> str:
    title = layout.cut(console.one_line(conversation["title"]), room)
    turns = counted(conversation["turns"], "turn")
    return f"{title}  ({turns}, {ago(conversation['last_activity_at'])})"
