"""askcli conversations export: as Markdown, JSON, or a page of HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Annotated

import typer

from askcli.cli.commands.history import layout
from askcli.cli.commands.history.conversations import turns
from askcli.cli.commands.history.conversations.pages import (
    Period,
    Since,
    Until,
    all_conversations,
    parse_period,
    questions,
)
from askcli.cli.input import options, question_ids
from askcli.cli.output import output_file
from askcli.cli.output.terminal import console
from askcli.client.api import Api
from askcli.contract.shapes import Conversation, Question
from askcli.errors import Misused

Whole = tuple[Conversation, Iterator[Question]]


class Format(StrEnum):
    """The formats of an export."""

    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"


def export(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]...",
            help="Ids; or @, or the first digits of a question in each; none: all.",
        ),
    ] = None,
    format_: Annotated[
        Format, typer.Option("--format", metavar="markdown|json|html", help="The format.")
    ] = Format.MARKDOWN,
    since: Since = None,
    until: Until = None,
    output: options.OutputFile = None,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Write conversations to stdout, each with its questions in their order.

    HTML is one page that loads nothing and has no scripts, with a light and a dark style.
    """
    if ids and (since or until):
        raise Misused("--since and --until are of all conversations: name ids or times.")
    for text in ids or []:
        question_ids.parse_whole(text)
    period = parse_period(since, until)
    with output_file.replaced(output), options.connected(server, profile) as api:
        write(format_, _selected(api, ids or [], period))


def write(format_: Format, whole: Iterable[Whole]) -> None:
    """Write the conversations to stdout, each with its questions."""
    _WRITERS[format_](whole)


def _selected(api: Api, ids: list[str], period: Period) -> Iterator[Whole]:
    which = dict.fromkeys(question_ids.resolve_conversation(api, text) for text in ids)
    named = [api.conversation(id_) for id_ in which]  # all are there, or nothing is written
    conversations = named if ids else all_conversations(api, period)
    return ((one, questions(api, one["id"])) for one in conversations)


def _markdown(whole: Iterable[Whole]) -> None:
    for number, (conversation, its_turns) in enumerate(whole):
        console.out("\n---\n\n" if number else "")
        turns.markdown(conversation, its_turns)


def _json(whole: Iterable[Whole]) -> None:
    before, separator = '{"items": [\n', ""
    for conversation, its_turns in whole:
        console.out(before + separator)
        console.out_json_parts(dict(conversation), "questions", its_turns)
        before, separator = "", ",\n"
    console.out(before + "]}\n")


def _html(whole: Iterable[Whole]) -> None:
    from askcli.cli.output import html  # what no other format needs

    beginning = html.begin("Conversations")
    for conversation, its_turns in whole:
        console.out(beginning + html.heading(conversation["title"]))
        beginning = ""
        for turn in its_turns:
            console.out(
                html.turn(turn["question"], " · ".join(layout.details(turn)), turn["answer"])
            )
        console.out(html.END_OF_CONVERSATION)
    console.out(beginning + html.END)


_WRITERS: dict[Format, Callable[[Iterable[Whole]], None]] = {
    Format.MARKDOWN: _markdown,
    Format.JSON: _json,
    Format.HTML: _html,
}
