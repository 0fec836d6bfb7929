"""Ids as people type them: whole, or as much of the beginning as names one question."""

from __future__ import annotations

import re
from itertools import pairwise

from askcli.cli.input import options
from askcli.client.api import Api
from askcli.contract import Question
from askcli.errors import Misused, NotFound

# Fewer digits name half of a history.
SHORTEST = 4
# A UUIDv7 begins with its millisecond: shorter, an id beside the listed ones may begin alike.
A_MOMENT = 13


def whole(text: str) -> str | None:
    """The id, as it is written in a path, None for a part of one. Raises Misused for neither."""
    try:
        return options.parse_id(text)
    except Misused:
        if re.fullmatch(r"[0-9a-fA-F-]+", text) and SHORTEST <= len(text) < 36:
            return None
        raise


def of_question(api: Api, text: str) -> str:
    """The id of the question that is meant. Raises NotFound, or Misused when there are several."""
    return whole(text) or _beginning_with(api, text)["id"]


def of_conversation(api: Api, text: str) -> str:
    """The id of a conversation; a part of an id means the conversation of that question."""
    return whole(text) or _beginning_with(api, text)["conversation_id"]


def _beginning_with(api: Api, prefix: str) -> Question:
    found = api.questions(id_prefix=prefix, limit=2)["items"]
    if not found:
        raise NotFound(detail=f"there is no question of yours whose id begins with {prefix}.")
    if len(found) > 1:
        raise Misused(f"{prefix} is how several ids begin; give more of it.")
    return found[0]


def shortened(ids: list[str]) -> dict[str, str]:
    """Of ids in their order, as much of each as none of the others has.

    The digits change the faster the further right, so those of neighbours alone can be alike.
    """
    ordered = sorted(ids)
    lengths = dict.fromkeys(ordered, A_MOMENT)
    for one, other in pairwise(ordered):
        alike = next((i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), 36)
        for neighbour in (one, other):
            lengths[neighbour] = max(lengths[neighbour], alike + 1)
    return {question_id: question_id[:length] for question_id, length in lengths.items()}
