"""Questions as lines: aligned and cut on a terminal, tab-separated in a pipe."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from askcli.cli.input import question_ids
from askcli.cli.output import console
from askcli.contract.shapes import Question

# Below this width the time is left out.
NARROW = 60

FOUND, _FAINT, PLAIN = "\x1b[1;4m", "\x1b[2m", "\x1b[0m"


def lines(questions: list[Question]) -> Iterator[str]:
    """One line a question."""
    if not console.is_terminal():
        yield from (_fields(question) for question in questions)
        return
    short = question_ids.shortened([question["id"] for question in questions])
    width = max(map(len, short.values()))
    columns = shutil.get_terminal_size().columns
    for question in questions:
        time = f"{console.format_time(question['created_at'])}  " if columns >= NARROW else ""
        beginning = f"{short[question['id']]:{width}}  {time}"
        yield _faint(beginning) + _fitted(question, len(beginning))


def _fields(question: Question) -> str:
    text = " ".join(console.harmless(question["question"]).split())
    return "\t".join((question["id"], question["created_at"], question["status"], text))


def _fitted(question: Question, used: int) -> str:
    state = "" if question["status"] == "answered" else f"  [{question['status']}]"
    text = " ".join(console.visible(question["question"]).split())
    room = max(10, shutil.get_terminal_size().columns - used - len(state))
    return cut(text, room) + state


def head(question: Question) -> list[str]:
    """Return the lines above an answer: time, model, status, cost, ids and the question."""
    details = [
        console.format_time(question["created_at"]),
        console.visible(question["model"]),
        question["status"],
        cost(question),
    ]
    ids_ = f"{question['id']}  conversation {question['conversation_id']}"
    lines = console.visible(question["question"]).splitlines()
    return ["  ".join(filter(None, details)), ids_, *(f"> {line}" for line in lines)]


def cost(question: Question) -> str:
    """Return tokens in and out, and dollars, as far as they are known."""
    tokens_in, tokens_out = question["input_tokens"], question["output_tokens"]
    tokens = f"{tokens_in:,} + {tokens_out:,} tokens" if tokens_in and tokens_out else ""
    dollars = question["cost_usd"]
    return "  ".join(filter(None, (tokens, "" if dollars is None else f"${dollars:,.4f}")))


def answer(question: Question) -> Iterator[str]:
    """Yield the rendered lines of the answer."""
    from askcli.cli.output.markdown import render_lines  # rich, at a terminal alone

    yield from render_lines(console.visible(question["answer"]))


def cut(text: str, cells: int) -> str:
    """Cut the text to a width in cells."""
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= cells else set_cell_size(text, cells - 1).rstrip() + "…"


def _faint(text: str) -> str:
    return _FAINT + text + PLAIN if can_style() else text


def can_style() -> bool:
    """Whether stdout supports bold, faint and underlined text."""
    return console.is_terminal() and os.environ.get("TERM", "dumb") != "dumb"
