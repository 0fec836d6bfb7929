"""askcli history delete: questions by their ids, or all that are older than a time."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Annotated

import typer

from askcli.cli.commands.history import deletion, layout
from askcli.cli.input import options, prompts, question_ids, times
from askcli.cli.output import pages
from askcli.cli.output.numbers import counted
from askcli.cli.output.terminal import console
from askcli.cli.reference import completion_cache
from askcli.contract.shapes import Question
from askcli.errors import Misused

# Of a question in the confirmation.
TITLE_CELLS = 60


def delete(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]...", help="Or their first digits; @ is the last, @2 the one before."
        ),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="TIME", help="All from before 30d, 2026-01-31 …"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Delete questions and their answers; their cost stays in `usage`."""
    if bool(ids) == bool(older_than):
        raise Misused("give either ids or a time: askcli history delete ID… or --older-than 30d.")
    for question_id in ids or []:
        question_ids.parse_whole(question_id)
    until = times.parse_optional(older_than, "--older-than")
    prompts.check_confirmable("--yes", is_given=yes)
    with options.connected(server, profile) as api:
        # All ids are resolved before the first deletion: a wrong id changes nothing.
        questions = {question["id"]: question for question in question_ids.find_all(api, ids or [])}
        if not yes:
            prompts.confirm(f"Delete {_described(questions.values(), until)}?", "--yes")
        # First: what a deletion that ends early has deleted is on no page either.
        completion_cache.forget_questions(None if until else questions.values())
        pages.forget()
        if until:
            deleted = deletion.of_all_before(until, api.delete_questions)
        else:
            deletion.of_each(questions, api.delete_question)
            deleted = len(questions)
    if as_json:
        console.out_json({"deleted": deleted})
    else:
        console.note(f"Deleted {counted(deleted, 'question')}.")


def _described(questions: Iterable[Question], until: str | None) -> str:
    if until:
        return f"all questions from before {console.format_time(until, sys.stderr)}"
    texts = (console.one_line(question["question"]) for question in questions)
    return ", ".join(f'"{layout.cut(text, TITLE_CELLS)}"' for text in texts)
