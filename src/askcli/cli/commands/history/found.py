"""Questions that a search has found, with the words that it was for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from askcli.cli.commands.history import layout
from askcli.cli.output.terminal import console
from askcli.contract.shapes import Question
from askcli.search_terms import MAX_TEXT_CHARACTERS, Term, matches, terms

# Characters of an answer shown around a match.
AROUND = 60


def lines(questions: list[Question], query: str) -> Iterator[str]:
    """Yield a line for each question, and the first match in its answer below it."""
    search_terms = terms(query)
    for line, question in zip(layout.lines(questions), questions, strict=True):
        if not console.is_terminal():
            yield line
            continue
        # Only the question is marked: the digits of the id and the time may match too.
        head, faint, text = line.partition(layout.PLAIN) if layout.PLAIN in line else ("", "", line)
        yield head + faint + _marked(text, search_terms)
        answer_ = console.visible(question["answer"][:MAX_TEXT_CHARACTERS])
        if excerpt := _excerpt(answer_, search_terms):
            room = shutil.get_terminal_size().columns - 4
            yield "    " + _marked(layout.cut(excerpt, room), search_terms)


def _excerpt(text: str, search_terms: tuple[Term, ...]) -> str:
    """Return the text around the first match, in one line."""
    spans = matches(text, search_terms)
    if not spans:
        return ""
    start, end = max(0, spans[0][0] - AROUND // 2), spans[0][1] + AROUND * 4
    if start:
        start = text.find(" ", start, spans[0][0]) + 1 or start
    return ("…" if start else "") + " ".join(text[start:end].split())


def _marked(text: str, search_terms: tuple[Term, ...]) -> str:
    marked, done = "", 0
    for start, end in matches(text, search_terms):
        marked += text[done:start] + layout.FOUND + text[start:end] + layout.PLAIN
        done = end
    return marked + text[done:] if layout.can_style() else text
