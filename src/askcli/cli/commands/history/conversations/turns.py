"""A whole conversation: its questions and answers in their order."""

from __future__ import annotations

from collections.abc import Iterator

from askcli.cli.commands.history import layout
from askcli.cli.commands.history.conversations.pages import questions
from askcli.cli.input import options, question_ids
from askcli.cli.output.numbers import counted
from askcli.cli.output.terminal import console, pager
from askcli.client.api import Api
from askcli.contract.shapes import Conversation, Question


def show(conversation_id: str, *, as_json: bool, server: str | None, profile: str | None) -> None:
    """Show the conversation of an id, or of a question in it."""
    question_ids.parse_whole(conversation_id)
    with options.connected(server, profile) as api:
        id_ = question_ids.resolve_conversation(api, conversation_id)
        conversation = api.conversation(id_)
        if as_json:
            console.out_json_parts(dict(conversation), "questions", questions(api, id_))
        elif console.is_terminal():
            pager.show(_lines(api, conversation))
        else:
            markdown(conversation, questions(api, id_))


def _lines(api: Api, conversation: Conversation) -> Iterator[str]:
    title = console.one_line(conversation["title"])
    yield title
    yield f"{counted(conversation['turns'], 'question')}  conversation {conversation['id']}"
    for question in questions(api, conversation["id"]):
        yield ""
        yield from layout.head(question)
        yield ""
        yield from layout.answer(question)


def markdown(conversation: Conversation, turns: Iterator[Question]) -> None:
    """Write a conversation to stdout as Markdown."""
    console.out(f"# {' '.join(conversation['title'].split())}\n")
    for turn in turns:
        quoted = "".join(f"> {line}\n" for line in turn["question"].splitlines())
        console.out(
            f"\n{quoted}\n{' · '.join(layout.details(turn))}\n\n{_closed(turn['answer'])}\n"
        )


def _closed(answer: str) -> str:
    """Return the answer; a block of code that it leaves open would take in the next turns."""
    if "```" not in answer and "~~~" not in answer:
        return answer
    from askcli.cli.output.markdown import code_blocks  # only where there may be code

    fence = code_blocks.open_fence(answer)
    return f"{answer.removesuffix(chr(10))}\n{fence}" if fence else answer
