"""The turns of a conversation that were not asked here: those before, and those of others."""

from __future__ import annotations

from askcli.cli.output.answer import shower
from askcli.cli.output.terminal import console
from askcli.client.api import Api
from askcli.contract.shapes import Question

# What is shown of a conversation that goes on.
SHOWN = 5


def latest(api: Api, conversation_id: str, limit: int = SHOWN) -> tuple[list[Question], bool]:
    """Return the last turns, oldest first, and whether there are earlier ones."""
    page = api.questions(conversation_id=conversation_id, limit=limit)
    return page["items"][::-1], page["next_cursor"] is not None


def show(turn: Question) -> None:
    """Print a turn as it looks when it is asked here."""
    show_question(turn["question"])
    if answer := turn["answer"].rstrip("\n"):
        shower()(iter([answer]))
    if turn["status"] not in ("answered", "answering"):
        console.out(f"[{turn['status']}]\n")
    console.out("\n")


def show_question(text: str) -> None:
    """Print a question after the mark of the prompt."""
    lines = text.splitlines() or [""]
    console.out("".join(f"{'  ' if number else '> '}{line}\n" for number, line in enumerate(lines)))
