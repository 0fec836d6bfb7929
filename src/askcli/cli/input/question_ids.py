"""Ids as users type them: complete, an unambiguous prefix, or @ for the last question's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, pairwise

from askcli.cli.input import options
from askcli.client.api import Api, pages
from askcli.contract.shapes import Conversation, Question
from askcli.errors import Misused, NotFound

# The last question; @2 is the one before.
LAST = "@"
_NUMBERED = re.compile(r"@([1-9][0-9]{0,3})?", re.ASCII)
# So many ids of an ambiguous prefix are listed, with the beginnings of their questions.
CANDIDATES, SHOWN_CHARACTERS = 3, 30
# Shorter prefixes match half of a history.
SHORTEST = 4
# A UUIDv7 begins with its millisecond: with fewer digits, ids that are not listed may match too.
TIMESTAMP_DIGITS = 13
# Where all ids around are listed: those of a minute have these in common.
MINUTE_DIGITS = 8


def parse_whole(text: str) -> str | None:
    """Return a complete id, None for a prefix or a number. Raises Misused for anything else."""
    if _NUMBERED.fullmatch(text):
        return None
    try:
        return options.parse_id(text, "history")
    except Misused as error:
        if re.fullmatch(r"[0-9a-fA-F-]+", text) and SHORTEST <= len(text) < 36:
            return None
        raise Misused(
            f"{error.detail.removesuffix('.')}, and @, @2 … @9999 are the last."
        ) from None


def resolve_question(api: Api, text: str) -> str:
    """Return the question's id. Raises NotFound, or Misused for an ambiguous prefix."""
    return parse_whole(text) or _listed(api, text)["id"]


def resolve_conversation(api: Api, text: str) -> str:
    """Return a conversation's id; a prefix or number is that of a question in it."""
    return parse_whole(text) or _listed(api, text)["conversation_id"]


def find(api: Api, text: str) -> Question:
    """Return the question. Raises NotFound, or Misused for an ambiguous prefix."""
    return _whole(api, parse_whole(text) or _listed(api, text))


def find_all(api: Api, texts: Sequence[str]) -> list[Question]:
    """Return the questions; their numbers are those of one moment. Raises as `find`."""
    numbers = {text: number for text in texts if (number := _number(text))}
    numbered = _numbered(api, set(numbers.values()))
    questions: list[Question] = []
    for text in texts:
        with _named(text):
            is_numbered = text in numbers
            questions.append(
                _whole(api, numbered[numbers[text]]) if is_numbered else find(api, text)
            )
    return questions


def conversation(api: Api, id_: str) -> Conversation:
    """Return one of several conversations. Raises NotFound, which names it."""
    with _named(id_):
        return api.conversation(id_)


@contextmanager
def _named(text: str) -> Iterator[None]:
    """Add the id to the server's NotFound: several were asked for."""
    try:
        yield
    except NotFound as error:
        if error.request_id:
            error.detail = f"{error.detail.removesuffix('.')}: {text}."
        raise


def _whole(api: Api, question: str | Question) -> Question:
    """Return the question of an id; what is listed of a running answer may be late."""
    if isinstance(question, str):
        return api.question(question)
    return api.question(question["id"]) if question["status"] == "answering" else question


def _listed(api: Api, text: str) -> Question:
    number = _number(text)
    return _numbered(api, {number})[number] if number else _by_prefix(api, text)


def _number(text: str) -> int | None:
    match = _NUMBERED.fullmatch(text)
    return int(match[1] or 1) if match else None


def _numbered(api: Api, numbers: set[int]) -> dict[int, Question]:
    """Return the user's questions of these numbers, 1 for the newest. Raises NotFound."""
    last = max(numbers, default=0)
    numbered, count = dict[int, Question](), 0
    for question in chain.from_iterable(page["items"] for page in pages(api.questions, last)):
        count += 1
        if count in numbers:
            numbered[count] = question
    if count < last:
        raise NotFound(detail=f"there is no question @{last}: you have {count or 'none'}.")
    return numbered


def _by_prefix(api: Api, prefix: str) -> Question:
    page = api.questions(id_prefix=prefix, limit=CANDIDATES)
    items = page["items"]
    if not items:
        raise NotFound(detail=f"you have no question with an id that begins with {prefix}.")
    if page["next_cursor"] or len(items) > 1:
        more = ", …" if page["next_cursor"] else ""
        raise Misused(f"several ids begin with {prefix}: {_described(items)}{more}.")
    return items[0]


def _described(questions: Sequence[Question]) -> str:
    """Return what tells the questions apart."""
    short = shortened([question["id"] for question in questions], MINUTE_DIGITS)
    beginnings = (
        " ".join(question["question"].split())[:SHOWN_CHARACTERS] for question in questions
    )
    return ", ".join(
        f"{short[question['id']]} ({beginning})"
        for question, beginning in zip(questions, beginnings, strict=True)
    )


def shortened(ids: list[str], least: int = TIMESTAMP_DIGITS) -> dict[str, str]:
    """Return the shortest unambiguous prefix of each id, with `least` digits.

    Only neighbours in sorted order can share the longest prefix.
    """
    ordered = sorted(ids)
    lengths = dict.fromkeys(ordered, least)
    for one, other in pairwise(ordered):
        alike = next((i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), 36)
        for neighbour in (one, other):
            lengths[neighbour] = max(lengths[neighbour], alike + 1)
    # A hyphen at its end would be left out, or taken for one of a text.
    return {
        id_: id_[: length + (id_[length - 1 : length] == "-")] for id_, length in lengths.items()
    }
