"""askcli history delete: questions by their ids, or all that are older than a time."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from askcli.cli.input import options, prompts, question_ids, times
from askcli.cli.output import console
from askcli.cli.output.numbers import counted
from askcli.cli.reference import completion_cache
from askcli.contract.shapes import Question
from askcli.errors import Misused


def delete(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Or their first digits.")
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than", metavar="TIME", help="All from before 30d, 2026-01-31 (local) …"
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Delete questions and their answers; what they have cost stays counted."""
    if bool(ids) == bool(older_than):
        raise Misused("say which: askcli history delete ID… or --older-than 30d.")
    for question_id in ids or []:
        question_ids.parse_whole(question_id)
    until = times.parse_optional(older_than, "--older-than")
    if not yes:
        prompts.confirm(f"Delete {_described(ids, until)}?", "--yes")
    with options.connected(server, profile) as api:
        questions: list[Question] = []
        if until:
            deleted = api.delete_questions(until)
        else:
            # All ids are resolved before the first deletion: a wrong id changes nothing.
            questions = [
                api.question(question_ids.resolve_question(api, text)) for text in ids or []
            ]
            for question in {question["id"]: question for question in questions}.values():
                api.delete_question(question["id"])
            deleted = len({question["id"] for question in questions})
    completion_cache.forget_questions(None if until else [question["id"] for question in questions])
    if as_json:
        console.out_json({"deleted": deleted})
    else:
        console.note(f"Deleted {counted(deleted, 'question')}.")


def _described(ids: list[str] | None, until: str | None) -> str:
    if until:
        return f"all questions from before {console.format_time(until, sys.stderr)}"
    return ", ".join(ids or [])
