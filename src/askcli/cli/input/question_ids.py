"""Ids as users type them: complete, or an unambiguous prefix."""

from __future__ import annotations

import re
from itertools import pairwise

from askcli.cli.input import options
from askcli.client.api import Api
from askcli.contract.shapes import Question
from askcli.errors import Misused, NotFound

# Shorter prefixes match half of a history.
SHORTEST = 4
# A UUIDv7 begins with its millisecond: with fewer digits, ids that are not listed may match too.
TIMESTAMP_DIGITS = 13


def parse_whole(text: str) -> str | None:
    """Return a complete id, None for a prefix. Raises Misused for anything else."""
    try:
        return options.parse_id(text)
    except Misused:
        if re.fullmatch(r"[0-9a-fA-F-]+", text) and SHORTEST <= len(text) < 36:
            return None
        raise


def resolve_question(api: Api, text: str) -> str:
    """Return the question's id. Raises NotFound, or Misused for an ambiguous prefix."""
    return parse_whole(text) or _by_prefix(api, text)["id"]


def resolve_conversation(api: Api, text: str) -> str:
    """Return a conversation's id; a prefix is that of a question in it."""
    return parse_whole(text) or _by_prefix(api, text)["conversation_id"]


def _by_prefix(api: Api, prefix: str) -> Question:
    page = api.questions(id_prefix=prefix, limit=1)
    if not page["items"]:
        raise NotFound(detail=f"you have no question with an id that begins with {prefix}.")
    if page["next_cursor"]:
        raise Misused(f"several ids begin with {prefix}; type more digits.")
    return page["items"][0]


def shortened(ids: list[str]) -> dict[str, str]:
    """Return the shortest unambiguous prefix of each id.

    Only neighbours in sorted order can share the longest prefix.
    """
    ordered = sorted(ids)
    lengths = dict.fromkeys(ordered, TIMESTAMP_DIGITS)
    for one, other in pairwise(ordered):
        alike = next((i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), 36)
        for neighbour in (one, other):
            lengths[neighbour] = max(lengths[neighbour], alike + 1)
    return {question_id: question_id[:length] for question_id, length in lengths.items()}
