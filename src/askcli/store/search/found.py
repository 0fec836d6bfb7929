"""What a search finds in one part of the user's questions, on either database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, TextClause, bindparam, text

# Questions that a page looks at after the index: they are compared with conditions that the index
# does not know.
EXAMINED = 5_000


class Match(NamedTuple):
    """A question that matches; a greater rank is a better match."""

    question_id: UUID
    rank: float


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the user's questions: those older than one, or those since one, oldest first.

    The question may have been deleted.
    """

    limit: int
    before: UUID | None = None
    since: UUID | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The matches of a part, in its order; `position` is where the rest begins, None at the end."""

    matches: Sequence[Match]
    position: UUID | None


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions on columns of the questions, and the values of their parameters."""

    clauses: Sequence[ColumnElement[bool]]
    values: Mapping[str, Any]

    def bound(self, statement: str) -> TextClause:
        """Return a statement in which they are, with their values."""
        parameters = [
            node
            for clause in self.clauses
            for node in clause.get_children()
            if isinstance(node, BindParameter)
        ]
        used = names(statement)
        return text(statement).bindparams(
            *(
                bindparam(node.key, self.values[node.key], node.type)
                for node in parameters
                if node.key in used
            )
        )


@lru_cache(maxsize=128)
def names(statement: str) -> frozenset[str]:
    """Return the names of the parameters: to find them takes as long as a short statement."""
    return frozenset(text(statement).compile().params)


def of_limit(matches: Sequence[Match], limit: int, position: UUID | None) -> Found:
    """Return the first matches; `position` is where the part ends if there are no more."""
    if len(matches) > limit:
        return Found(matches[:limit], matches[limit - 1].question_id)
    return Found(matches, position)
