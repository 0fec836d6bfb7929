"""askcli history show: a question and its answer."""

from __future__ import annotations

from itertools import chain
from typing import Annotated

import typer

from askcli.cli.commands.history import layout
from askcli.cli.input import options, question_ids
from askcli.cli.output import console, pager
from askcli.cli.output.answer import shower
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
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Show a question and its answer; without an id, the last one."""
    if conversation is not None:
        from askcli.cli.commands.history.conversations import turns  # what no question needs

        if question_id != question_ids.LAST:
            raise Misused("name a question or --conversation ID, not both.")
        turns.show(conversation, as_json=as_json, server=server, profile=profile)
        return
    question_ids.parse_whole(question_id)
    with options.connected(server, profile) as api:
        question = question_ids.find(api, question_id)
    if as_json:
        console.out_json(question)
    elif console.is_terminal():
        pager.show(chain(layout.head(question), [""], layout.answer(question)))
    else:  # the answer is the data
        console.note("\n".join(layout.head(question)))
        shower()(iter([question["answer"].rstrip("\n")]))
