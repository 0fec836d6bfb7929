"""Queries for pages of a user's questions, newest first.

The ids and sizes of a page's questions are read first, then the texts of those that fit into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, bindparam, select

from askcli.contract.shapes import Question
from askcli.store.prepared import Prepared
from askcli.store.queries import id_times, own_range, shown, sizes
from askcli.store.tables import questions


@dataclass(frozen=True, slots=True)
class Page:
    """The questions of a page; `cursor` is its last id when there are further pages."""

    rows: Sequence[Question]
    cursor: UUID | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Filters of a page; `before` is the cursor, an id."""

    limit: int
    before: UUID | None = None
    conversation_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    first_id: UUID | None = None
    last_id: UUID | None = None

    @property
    def values(self) -> dict[str, Any]:
        """The filters that are set, as parameters of their conditions.

        Times are ranges of ids, too: no index has the times.
        """
        names = [field.name for field in fields(self) if field.name != "limit"]
        values = {name: getattr(self, name) for name in names}
        if self.since:
            first = id_times.first_of(self.since)
            values["first_id"] = max(self.first_id or first, first)
        if self.until:
            last = id_times.last_of(self.until)
            values["last_id"] = min(self.last_id or last, last)
        return {name: value for name, value in values.items() if value is not None}


_c = questions.c
_TIMES = frozenset({"since", "until"})


def page(connection: Connection, user_id: UUID, filter_: Filter) -> Page:
    """Return the user's questions, newest first, at most `filter_.limit`."""
    values = filter_.values
    # One more than the page: it shows whether there is a next one.
    more = values | {"user_id": user_id, "limit": filter_.limit + 1}
    candidates = _newest(frozenset(values)).rows(connection, more)
    fitting: list[str] = sizes.fitting(candidates[: filter_.limit])
    if not fitting:
        return Page([], None)
    if filter_.since or filter_.until:  # questions of other times may be between them
        ids = [UUID(id_) for id_ in fitting]
        rows = in_order(shown.those(connection, user_id, ids), ids)
    else:
        rows = list(shown.between(connection, user_id, fitting, filter_.conversation_id))
    return Page(rows, UUID(fitting[-1]) if len(fitting) < len(candidates) else None)


def conditions_of(filter_: Filter) -> list[ColumnElement[bool]]:
    """Return the conditions of the filters that are set, with named parameters."""
    return [own_range.CONDITIONS[name] for name in sorted(filter_.values)]


@cache
def _newest(filters: frozenset[str]) -> Prepared:
    """Return the query of the ids, as texts, and sizes of one user's questions."""

    def query(dialect: str) -> Select[Any]:
        columns = shown.as_text(_c.id, dialect), sizes.of_texts(dialect)
        key, range_ = own_range.of(dialect, filters - _TIMES)
        newest = [column.desc() for column in key]
        times = [own_range.CONDITIONS[name] for name in sorted(filters & _TIMES)]
        return select(*columns).where(*range_, *times).order_by(*newest).limit(bindparam("limit"))

    return Prepared(query)


def in_order(rows: Iterable[Question], ids: Sequence[UUID]) -> list[Question]:
    """Return the questions in the order of the ids; some may be deleted by now."""
    by_id = {row["id"]: row for row in rows}
    return [row for id_ in ids if (row := by_id.get(str(id_)))]
