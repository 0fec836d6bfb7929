"""askcli history show: a question and its answer."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from askcli.cli.commands.history import layout
from askcli.cli.input import options, question_ids
from askcli.cli.output import output_file
from askcli.cli.output.answer import Outcome, check_ended_whole, shower
from askcli.cli.output.terminal import console, pager
from askcli.client.target import Connection
from askcli.contract.shapes import Question
from askcli.errors import Misused

Whole = Annotated[
    str | None,
    typer.Option(
        "--conversation", metavar="ID", help="All of this conversation; @ is the last question's."
    ),
]


def show(
    question_id: Annotated[
        str,
        typer.Argument(metavar="[ID]", help="Or its first digits; @2 is the last but one."),
    ] = question_ids.LAST,
    conversation: Whole = None,
    as_json: options.Json = False,
    code: options.CodeOnly = False,
    all_code: options.AllCode = False,
    output: options.OutputFile = None,
    copy: options.Copy = False,
    open_: options.OpenPage = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Show a question and its answer; without an id, the last one."""
    outcome = Outcome(as_json, code=code, all_code=all_code, copied=copy, opened=open_)
    outcome.check()
    if conversation is not None:
        if question_id != question_ids.LAST:
            raise Misused("name a question or --conversation ID, not both.")
        if outcome.is_of_one:
            raise Misused("a conversation has many answers: name the one to take something out of.")
        _show_conversation(conversation, output, as_json, server, profile)
        return
    question_ids.parse_whole(question_id)
    with output_file.replaced(output):
        connection = options.connection(server, profile)
        with connection.open() as api:
            question = question_ids.find(api, question_id)
        if copy or outcome.is_code or (output and not as_json):
            check_ended_whole(question, connection.command)
        outcome.hand_on(question)  # a pager may be left open
        _print(question, outcome, connection)


def _show_conversation(
    id_: str, output: Path | None, as_json: bool, server: str | None, profile: str | None
) -> None:
    from askcli.cli.commands.history.conversations import turns  # what no question needs

    with output_file.replaced(output):
        turns.show(id_, as_json=as_json, server=server, profile=profile)


def _print(question: Question, outcome: Outcome, connection: Connection) -> None:
    if outcome.is_code:
        outcome.print_code(question)
    elif outcome.as_json:
        console.out_json(question)
    elif console.is_terminal():
        pager.show(chain(layout.head(question), [""], layout.answer(question)))
    else:  # the answer is the data
        console.note("\n".join(layout.head(question)))
        shower()(iter([question["answer"].rstrip("\n")]))
        check_ended_whole(question, connection.command)
