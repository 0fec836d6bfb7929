"""Questions as lines: aligned and cut on a terminal, tab-separated in a pipe."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence

from askcli.cli.input import question_ids
from askcli.cli.output import times
from askcli.cli.output.terminal import console
from askcli.contract.shapes import Question

# Below these widths the time is left out, and the id of a question with a number.
NARROW, WIDE = 60, 80

FOUND, _FAINT, PLAIN = "\x1b[1;4m", "\x1b[2m", "\x1b[0m"


def lines(questions: list[Question]) -> Iterator[str]:
    """One line a question."""
    if not console.is_terminal():
        yield from (_fields(question) for question in questions)
        return
    short = question_ids.shortened([question["id"] for question in questions])
    yield from _rows(questions, [""] * len(questions), [short[q["id"]] for q in questions])


def numbered(questions: Sequence[Question], limit: int) -> Iterator[str]:
    """Yield a line for each of the user's newest questions, at most `limit`, with its number.

    One more shows how short the id of the last one may be.
    """
    short = question_ids.shortened([q["id"] for q in questions], question_ids.MINUTE_DIGITS)
    shown = questions[:limit]
    numbers = [
        f"{question_ids.LAST}{n}" if n > 1 else question_ids.LAST for n, _ in enumerate(shown, 1)
    ]
    is_wide = shutil.get_terminal_size().columns >= WIDE
    yield from _rows(shown, numbers, [short[q["id"]] if is_wide else "" for q in shown])


def _rows(
    questions: Sequence[Question], numbers: Sequence[str], ids: Sequence[str]
) -> Iterator[str]:
    """Yield a row for each question: its number and id, its time, and what fits of its text."""
    is_narrow = shutil.get_terminal_size().columns < NARROW
    ages = [
        "" if is_narrow else f"{times.ago(question['created_at']):{times.WIDTH}}"
        for question in questions
    ]
    columns = map(_padded, (numbers, ids, ages))
    for number, id_, age, question in zip(*columns, questions, strict=True):
        yield number + _faint(id_ + age) + _fitted(question, len(number + id_ + age))


def _padded(cells: Sequence[str]) -> list[str]:
    """Return the cells of a column in one width with a gap behind; none for an empty column."""
    width = max(map(len, cells))
    return [f"{cell:{width}}  " if width else "" for cell in cells]


def _fields(question: Question) -> str:
    text = " ".join(console.harmless(question["question"]).split())
    return "\t".join((question["id"], question["created_at"], question["status"], text))


def _fitted(question: Question, used: int) -> str:
    state = "" if question["status"] == "answered" else f"  [{question['status']}]"
    text = console.one_line(question["question"])
    room = max(10, shutil.get_terminal_size().columns - used - len(state))
    return cut(text, room) + state


def head(question: Question) -> list[str]:
    """Return the lines above an answer: time, model, status, cost, ids and the question."""
    details = [
        times.in_full(question["created_at"]),
        console.visible(question["model"]),
        question["status"],
        cost(question),
    ]
    # A line each: together they are wider than most terminals, which wrap within the second one.
    ids_ = question["id"], f"conversation {question['conversation_id']}"
    lines = console.visible(question["question"]).splitlines()
    return ["  ".join(filter(None, details)), *ids_, *(f"> {line}" for line in lines)]


def details(question: Question) -> list[str]:
    """Return when it was asked, of which model, what it has cost, and how it ended if not whole."""
    state = "" if question["status"] == "answered" else question["status"]
    facts = question["created_at"], question["model"], cost(question), state
    return [*filter(None, facts)]


def cost(question: Question) -> str:
    """Return tokens in and out, and dollars, as far as they are known."""
    tokens_in, tokens_out = question["input_tokens"], question["output_tokens"]
    tokens = f"{tokens_in:,} + {tokens_out:,} tokens" if tokens_in and tokens_out else ""
    dollars = question["cost_usd"]
    return "  ".join(filter(None, (tokens, "" if dollars is None else f"${dollars:,.4f}")))


def answer(question: Question) -> Iterator[str]:
    """Yield the rendered lines of the answer."""
    from askcli.cli.output.markdown.printing import render_lines  # rich, at a terminal alone

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
