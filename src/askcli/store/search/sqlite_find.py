"""Finding on SQLite: matches are read from the index by its row numbers, the newest first.

A row number is the place of a question in the order of storing. FTS5 reads it in both directions
and stops where it is told to, so a page takes no longer for a word that is in a million questions.
It has no other order, and so an imported question is as new as its import.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, Uuid, bindparam, text
from sqlalchemy.types import Float

from askcli.search_terms import Term
from askcli.store.search import found
from askcli.store.search.found import Conditions, Found, Match, Part, of_limit

_OWNER = text("SELECT id FROM question_index_owners WHERE user_id = :user_id")
# Of the question, or where it was deleted, of the next one.
_ROW = text(
    """SELECT words.id FROM questions
    CROSS JOIN question_words AS words ON words.question_id = questions.id
    WHERE questions.user_id = :user_id AND questions.id >= :edge ORDER BY questions.id LIMIT 1"""
).bindparams(bindparam("edge", type_=Uuid))

# Joined in this order, whatever the planner knows: each row that the index yields is looked up.
_IN_INDEX = """FROM question_index
    CROSS JOIN question_words AS words
        ON words.id = question_index.rowid AND words.owner = :owner
    {join} WHERE question_index MATCH :query"""
_JOIN = "CROSS JOIN questions ON questions.id = words.question_id"
# A conversation has few questions: each is compared with the terms.
_IN_CONVERSATION = """FROM questions
    CROSS JOIN question_words AS words
        ON words.question_id = questions.id AND words.owner = :owner
    WHERE questions.user_id = :user_id"""
# Not FTS5's own bm25(): it counts how rare a word is over the rows of all users, so the order of
# one user's results would tell what others have stored. Here a rank depends on its row alone.
_MATCHES = """SELECT words.question_id, {rank} AS rank {source}
    AND {row} >= :first AND {row} <= :last AND {conditions}
    ORDER BY {row} {order} LIMIT :limit"""
# By the index alone: a look at each row, to count it, takes as long as to compare it.
_LAST_EXAMINED = """SELECT id, question_id FROM question_words WHERE id = (
    SELECT rowid FROM question_index
    WHERE question_index MATCH :query AND rowid >= :first AND rowid <= :last
    ORDER BY rowid {order} LIMIT 1 OFFSET :examined)"""
_MAX_ROW = 2**63 - 1

# A word in the question counts more than one in the answer, and at most three hits count.
_HITS = """{weight} * min(3, (length({text}) - length(replace({text}, :{pattern}, '')))
    / length(:{pattern}))"""
_WEIGHTS = {"question": 5.0, "answer": 1.0}
MAX_RANKED_TERMS = 8


@dataclass(frozen=True, slots=True)
class _Query:
    """What the index is asked, if it is; and the terms that rows are compared with after it."""

    owner: int
    match: str | None
    compared: Sequence[Term]


def find(
    connection: Connection,
    user_id: UUID,
    terms: Sequence[Term],
    conditions: Conditions,
    part: Part,
) -> Found:
    """Return the matches of a part."""
    owner = connection.execute(_OWNER, {"user_id": user_id.hex}).scalar()
    if owner is None:
        return Found([], None)
    in_conversation = "conversation_id" in conditions.values
    query = _Query(owner, None, terms) if in_conversation else _query(owner, terms)
    first, last = _rows(connection, user_id, part)
    position = None
    if query.match and (query.compared or conditions.clauses):
        first, last, position = _examined(connection, query, first, last, part)
    statement, patterns = _statement(terms, query, conditions, part)
    bounds = {"first": first, "last": last, "limit": part.limit + 1}
    source = {"query": query.match} if query.match else {"user_id": user_id.hex}
    values = {**source, "owner": owner, **bounds, **patterns}
    bound = conditions.bound(statement).columns(question_id=Uuid, rank=Float)
    rows = [Match(*row) for row in connection.execute(bound, values)]
    return of_limit(rows, part.limit, position)


def _rows(connection: Connection, user_id: UUID, part: Part) -> tuple[int, int]:
    """Return the first and the last row number of a part."""
    edge = part.before or part.since
    if edge is None:
        return 0, _MAX_ROW
    row = connection.execute(_ROW, {"user_id": user_id.hex, "edge": edge}).scalar() or _MAX_ROW
    return (0, row - 1) if part.before else (row, _MAX_ROW)


def _examined(
    connection: Connection, query: _Query, first: int, last: int, part: Part
) -> tuple[int, int, UUID | None]:
    """Return the rows that are looked at, and the last question of them; None at the end."""
    statement = text(_LAST_EXAMINED.format(order=_order(part))).columns(question_id=Uuid)
    values = {"query": query.match, "first": first, "last": last, "examined": found.EXAMINED - 1}
    end = connection.execute(statement, values).first()
    if end is None:
        return first, last, None
    return (first, end.id, end.question_id) if part.since else (end.id, last, end.question_id)


def _statement(
    terms: Sequence[Term], query: _Query, conditions: Conditions, part: Part
) -> tuple[str, dict[str, str]]:
    """Return the statement of the matches, and the patterns that are its parameters."""
    ranking = [term for term in terms if not term.is_excluded][:MAX_RANKED_TERMS]
    patterns = {f"term{n}": _pattern(term) for n, term in enumerate(ranking)}
    hits = [
        _HITS.format(weight=weight, text=_text(column), pattern=name)
        for name in patterns
        for column, weight in _WEIGHTS.items()
    ]
    compared = []  # by GLOB, which is faster than instr(); no word has a character of its syntax
    for number, term in enumerate(query.compared):
        patterns[f"compared{number}"] = f"*{_pattern(term)}*"
        has = " OR ".join(f"{_text(column)} GLOB :compared{number}" for column in _WEIGHTS)
        compared.append(f"{'NOT ' if term.is_excluded else ''}({has})")
    join = _JOIN if conditions.clauses else ""
    statement = _MATCHES.format(
        rank=" + ".join(["0.0", *hits]),
        source=_IN_INDEX.format(join=join) if query.match else _IN_CONVERSATION,
        row="question_index.rowid" if query.match else "words.id",
        conditions=" AND ".join(["true", *compared, *map(str, conditions.clauses)]),
        order=_order(part),
    )
    return statement, patterns


def _order(part: Part) -> str:
    return "ASC" if part.since else "DESC"


def _text(column: str) -> str:
    return f"(' ' || words.{column} || ' ')"


def _pattern(term: Term) -> str:
    """The term as it appears in a text of words separated by blanks."""
    return f" {' '.join(term.words)}{'' if term.is_prefix else ' '}"


def _query(owner: int, terms: Sequence[Term]) -> _Query:
    """Return the query of whole words alone: rows are compared with prefixes.

    FTS5 looks a whole word up. For words that begin alike it goes through its index up to the next
    one that is in a row, and so through what other users have stored or deleted.
    """
    named: dict[bool, list[str]] = {True: [], False: []}
    for term in terms:
        if not term.is_prefix:
            named[term.is_excluded].append(_phrase(owner, term.words))
        elif len(term.words) > 1 and not term.is_excluded:
            named[False].append(_phrase(owner, term.words[:-1]))
    match = " AND ".join(named[False]) or f'"{owner}@"'
    if named[True]:  # all in one NOT: the parser's stack is too small for many nested ones
        match = f"({match}) NOT ({' OR '.join(named[True])})"
    return _Query(owner, match, [term for term in terms if term.is_prefix])


def _phrase(owner: int, words: Sequence[str]) -> str:
    # Nothing to escape: no word contains a quotation mark or an @.
    return '"' + " ".join(f"{owner}@{word}" for word in words) + '"'
