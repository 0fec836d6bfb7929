"""Questions as lines: aligned and fitted at a terminal, fields between tabs in a pipe."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from askcli.cli.input import question_ids
from askcli.cli.output import console
from askcli.contract import Question
from askcli.search_terms import Term, matches, terms

# How much of an answer is shown around what was found in it.
AROUND = 60

_FOUND, _FAINT, _PLAIN = "\x1b[1;4m", "\x1b[2m", "\x1b[0m"


def lines(questions: list[Question]) -> Iterator[str]:
    """One line a question."""
    if not console.is_terminal():
        yield from (_fields(question) for question in questions)
        return
    short = question_ids.shortened([question["id"] for question in questions])
    width = max(map(len, short.values()))
    for question in questions:
        beginning = f"{short[question['id']]:{width}}  {console.minute(question['created_at'])}  "
        yield _faint(beginning) + _fitted(question, len(beginning))


def _fields(question: Question) -> str:
    said = " ".join(console.harmless(question["question"]).split())
    return "\t".join((question["id"], question["created_at"], question["status"], said))


def _fitted(question: Question, used: int) -> str:
    state = "" if question["status"] == "answered" else f"  [{question['status']}]"
    said = " ".join(console.harmless(question["question"]).split())
    room = max(10, shutil.get_terminal_size().columns - used - len(state))
    return cut(said, room) + state


def found(questions: list[Question], query: str) -> Iterator[str]:
    """A line for each question, and below it where in its answer the words are."""
    wanted = terms(query)
    for line, question in zip(lines(questions), questions, strict=True):
        if not console.is_terminal():
            yield line
            continue
        # What is written here stands behind the id and the time, whose digits may match as well.
        head, faint, said = line.partition(_PLAIN) if _PLAIN in line else ("", "", line)
        yield head + faint + _marked(said, wanted)
        if place := _place(console.harmless(question["answer"]), wanted):
            room = shutil.get_terminal_size().columns - 4
            yield "    " + _marked(cut(place, room), wanted)


def _place(text: str, wanted: tuple[Term, ...]) -> str:
    """The text around its first match, in one line."""
    there = matches(text, wanted)
    if not there:
        return ""
    start, end = max(0, there[0][0] - AROUND // 2), there[0][1] + AROUND * 4
    if start:
        start = text.find(" ", start, there[0][0]) + 1 or start
    return ("…" if start else "") + " ".join(text[start:end].split())


def _marked(text: str, wanted: tuple[Term, ...]) -> str:
    marked, done = "", 0
    for start, end in matches(text, wanted):
        marked += text[done:start] + _FOUND + text[start:end] + _PLAIN
        done = end
    return marked + text[done:] if can_style() else text


def head(question: Question) -> list[str]:
    """When, who answered, what it cost, and the question."""
    told = [
        console.minute(question["created_at"]),
        console.harmless(question["model"]),
        question["status"],
        cost(question),
    ]
    ids_ = f"{question['id']}  conversation {question['conversation_id']}"
    said = console.harmless(question["question"]).splitlines()
    return ["  ".join(filter(None, told)), ids_, *(f"> {line}" for line in said)]


def cost(question: Question) -> str:
    """Tokens in and out, and dollars, as far as they are known."""
    tokens_in, tokens_out = question["input_tokens"], question["output_tokens"]
    tokens = f"{tokens_in:,} + {tokens_out:,} tokens" if tokens_in and tokens_out else ""
    dollars = question["cost_usd"]
    return "  ".join(filter(None, (tokens, "" if dollars is None else f"${dollars:,.4f}")))


def answer(question: Question) -> Iterator[str]:
    """The answer's lines, rendered."""
    from askcli.cli.output.markdown import rendered_lines  # rich, at a terminal alone

    yield from rendered_lines(console.harmless(question["answer"]))


def cut(text: str, cells: int) -> str:
    """As much of the text as fits."""
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= cells else set_cell_size(text, cells - 1).rstrip() + "…"


def _faint(text: str) -> str:
    return _FAINT + text + _PLAIN if can_style() else text


def can_style() -> bool:
    """Whether stdout takes bold, faint and underlined text, which are no colours."""
    return console.is_terminal() and os.environ.get("TERM", "dumb") != "dumb"
