"""askcli history export: all of it, as JSON, JSONL, CSV or Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Annotated

import typer

from askcli.cli.commands.history import layout
from askcli.cli.commands.history.pages import Conversation, Selection, Since, Until
from askcli.cli.input import options
from askcli.cli.output import output_file
from askcli.cli.output.terminal import console
from askcli.contract.shapes import Question

# How a cell begins that a spreadsheet takes for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001


class Format(StrEnum):
    """The formats of an export."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    MARKDOWN = "markdown"


def export(
    format_: Annotated[
        Format, typer.Option("--format", metavar="json|jsonl|csv|markdown", help="The format.")
    ] = Format.JSONL,
    conversation: Conversation = None,
    since: Since = None,
    until: Until = None,
    output: options.OutputFile = None,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Write all your questions and answers to stdout, newest first.

    In CSV a text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    selection = Selection(conversation, since, until)
    with output_file.replaced(output), options.connected(server, profile) as api:
        _WRITERS[format_](selection.questions(api))


def _json(questions: Iterable[Question]) -> None:
    console.out_json_parts({}, "items", questions)


def _jsonl(questions: Iterable[Question]) -> None:
    for question in questions:
        console.out_json(question)


def _csv(questions: Iterable[Question]) -> None:
    columns = list(Question.__annotations__)
    line = io.StringIO()
    # A later version's server sends more fields than these.
    writer = csv.DictWriter(line, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for question in questions:
        writer.writerow({name: _defused(value) for name, value in question.items()})
        console.out(line.getvalue())
        line.seek(0)
        line.truncate()
    console.out(line.getvalue())  # the header, where there was no question


def _defused(value: object) -> object:
    """Return the cell with an apostrophe before what a spreadsheet would compute."""
    is_formula = isinstance(value, str) and value.startswith(_FORMULA)
    return f"'{value}" if is_formula else value


def _markdown(questions: Iterable[Question]) -> None:
    for number, question in enumerate(questions):
        head = " ".join(question["question"].split())
        details = " · ".join(layout.details(question))
        between = "\n---\n\n" if number else ""
        quoted = "".join(f"> {line}\n" for line in question["question"].splitlines())
        console.out(
            f"{between}# {head[:80]}\n\n{quoted}\n{details}\n\n{question['answer']}\n",
        )


_WRITERS: dict[Format, Callable[[Iterable[Question]], None]] = {
    Format.JSON: _json,
    Format.JSONL: _jsonl,
    Format.CSV: _csv,
    Format.MARKDOWN: _markdown,
}
