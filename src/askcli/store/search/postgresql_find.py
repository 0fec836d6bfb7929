"""Finding on PostgreSQL: the newest questions are compared, then the index is asked for the rest.

A GIN index has no order: it yields all matches, which takes long for a word that many questions
have. Such a word is soon found by going through the newest ones; only a rare one needs the index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from askcli.search_terms import Term
from askcli.store.search import found
from askcli.store.search.found import Conditions, Found, Match, Part, of_limit

# Of so many of the newest questions, so many must have all the words for these to be common.
SAMPLE, COMMON = 500, 10

# Of so many rows from the index the newest are taken; where it has more, questions are examined.
MOST_BY_INDEX = 10_000

# Weights of D, C, B and A: a word in the question (A) counts more than one in the answer (B).
#
# By the terms alone, joined by OR: the owner's word has no position, and a rank of words that are
# joined by AND is of their distances, so that with it all ranks would be the same.
_RANK = "CAST(ts_rank('{0, 0, 0.2, 1}', words, CAST(:ranked AS tsquery)) AS float)"

# A range of users, which is of one, rather than `user_id = :user_id`: with that the planner orders
# by the id alone, and where a user has a good part of all questions it goes through those of all
# users by their ids. OFFSET 0 keeps it from reading the words of other users along with these.
_OWN = """(questions.user_id, questions.id) >= (:user_id, :first)
        AND (questions.user_id, questions.id) <= (:user_id, :last)"""
_PART = "questions.id BETWEEN :first AND :last"
_KEY_OF_CONVERSATION = "(questions.user_id, questions.conversation_id, questions.id)"
_OWN_OF_CONVERSATION = f"""{_KEY_OF_CONVERSATION} >= (:user_id, :conversation_id, :first)
        AND {_KEY_OF_CONVERSATION} <= (:user_id, :conversation_id, :last)"""
_EXAMINED = """(SELECT questions.user_id, questions.conversation_id, questions.id,
            questions.created_at
        FROM questions
        WHERE {own} ORDER BY {newest} LIMIT :examined) AS questions
    CROSS JOIN LATERAL (SELECT words FROM question_words
        WHERE question_words.question_id = questions.id OFFSET 0) AS entries"""
_AMONG_EXAMINED = """SELECT questions.id, {rank} AS rank FROM {examined}
    WHERE {times} AND words @@ CAST(:query AS tsquery) ORDER BY {newest} LIMIT :limit"""
_LAST_EXAMINED = """SELECT questions.id FROM questions
    WHERE {own} ORDER BY {newest} LIMIT 1 OFFSET :examined - 1"""
# There are more questions than are examined, and few of these have the words.
_ARE_RARE = """SELECT EXISTS ({last_examined}) AND :common > (SELECT count(*)
    FROM (SELECT 1 FROM {examined}
        WHERE words @@ CAST(:whole_words AS tsquery) LIMIT :common) AS some_rows)"""

# The index finds the owner's rows that have all whole words, by the keys of these words (one for
# each, however often it is in the query), and each row is then compared with the query, the newest
# first: the index has neither the beginnings of words nor their places.
#
# The number of rows comes with each match, and alone where there is none.
_BY_INDEX = """WITH candidates AS MATERIALIZED (SELECT question_id AS id, words FROM question_words
        WHERE question_keys(words) @> question_keys(CAST(:keys AS tsvector)) LIMIT :most),
    counted AS (SELECT count(*) AS number FROM candidates)
    SELECT number, id, rank FROM counted LEFT JOIN
        (SELECT questions.id, {rank} AS rank
            FROM (SELECT questions.id, words FROM {candidates}
                WHERE {part} AND {times} ORDER BY questions.id {order} OFFSET 0) AS questions
            WHERE words @@ CAST(:query AS tsquery)
            ORDER BY questions.id {order} LIMIT :limit) AS matches ON true
    ORDER BY id {order}"""
_CANDIDATES = "candidates AS questions"
_CANDIDATES_ON_CONDITIONS = "candidates JOIN questions ON questions.id = candidates.id"

_LEAST, _GREATEST = UUID(int=0), UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class _Search:
    """A search in a part of a user's questions."""

    connection: Connection
    conditions: Conditions
    part: Part
    values: Mapping[str, Any]

    def run(self, statement: str, **values: Any) -> Any:
        """Run a statement with the values of the search, and these."""
        clauses = list(map(str, self.conditions.clauses))
        # No index has these times: they come after what bounds the number of rows.
        of_times = [clause for clause in clauses if "created_at" in clause]
        of_conversation = [clause for clause in clauses if "conversation_id" in clause]
        conditions = " AND ".join([_PART, *of_conversation])
        own = _OWN_OF_CONVERSATION if of_conversation else _OWN
        order = "ASC" if self.part.since else "DESC"
        key = ["user_id", *(["conversation_id"] if of_conversation else []), "id"]
        newest = ", ".join(f"questions.{column} {order}" for column in key)
        part = {"part": conditions, "own": own, "order": order, "newest": newest}
        times = " AND ".join(["true", *of_times])
        sources = {
            "examined": _EXAMINED.format(**part),
            "last_examined": _LAST_EXAMINED.format(**part),
            "candidates": _CANDIDATES_ON_CONDITIONS if self.conditions.clauses else _CANDIDATES,
        }
        sql = statement.format(**part, **sources, times=times, rank=_RANK)
        named = {**self.values, **values}
        used = {name: named[name] for name in found.names(sql) & named.keys()}
        return self.connection.execute(self.conditions.bound(sql), used)


def find(
    connection: Connection,
    user_id: UUID,
    terms: Sequence[Term],
    conditions: Conditions,
    part: Part,
) -> Found:
    """Return the matches of a part."""
    if part.before == _LEAST:
        return Found([], None)
    terms = list(dict.fromkeys(terms))  # a word that is repeated makes no difference
    owner, whole = f"'{owner_word(user_id)}'", _whole_words(terms)
    first, last = _bounds(conditions, part)
    values = {
        "user_id": user_id,
        "first": first,
        "last": last,
        "whole_words": " & ".join([owner, *whole]),
        "keys": " ".join([owner, *whole]),
        "query": " & ".join([owner, *map(_phrase, terms)]),
        "ranked": " | ".join(_phrase(term) for term in terms if not term.is_excluded),
        "limit": part.limit + 1,
    }
    search = _Search(connection, conditions, part, values)
    # Some may have been added since the part began.
    examined = 2 * found.EXAMINED if part.since else found.EXAMINED
    end = cache(lambda: search.run(_LAST_EXAMINED, examined=examined).scalar())
    needs_index = whole and (end() if part.since else _are_rare(search))
    if needs_index and (by_index := _by_index(search)) is not None:
        return of_limit(by_index, part.limit, None)
    matches = [Match(*row) for row in search.run(_AMONG_EXAMINED, examined=examined)]
    return of_limit(matches, part.limit, end())


def _are_rare(search: _Search) -> bool:
    """Whether there are more questions than a few, and few of the newest have the words."""
    return bool(search.run(_ARE_RARE, examined=SAMPLE, common=COMMON).scalar())


def _by_index(search: _Search) -> list[Match] | None:
    """Return the matches that the index finds; None when too many rows have the words."""
    rows = search.run(_BY_INDEX, most=MOST_BY_INDEX).all()
    if rows[0].number == MOST_BY_INDEX:
        return None
    return [Match(id_, rank) for _, id_, rank in rows if id_ is not None]


def _bounds(conditions: Conditions, part: Part) -> tuple[UUID, UUID]:
    """Return the least and the greatest id that a question of the part may have."""
    first, last = (conditions.values.get(name) for name in ("first_id", "last_id"))
    before = UUID(int=part.before.int - 1) if part.before else _GREATEST
    return max(first or _LEAST, part.since or _LEAST), min(last or _GREATEST, before)


def owner_word(user_id: UUID) -> str:
    """Return the word that each row of the user has; no other contains its first character."""
    return f"@{user_id.hex}"


def _whole_words(terms: Sequence[Term]) -> list[str]:
    """The words that each question found has."""
    required = [term for term in terms if not term.is_excluded]
    words = [term.words[:-1] if term.is_prefix else term.words for term in required]
    return [f"'{word}'" for word in dict.fromkeys(chain.from_iterable(words))]


def _phrase(term: Term) -> str:
    # Nothing to escape: no word contains a quotation mark or a backslash.
    phrase = " <-> ".join(f"'{word}'" for word in term.words) + (":*" if term.is_prefix else "")
    return f"!({phrase})" if term.is_excluded else f"({phrase})"
