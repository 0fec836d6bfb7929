"""Sizes of questions in the database, so that a transaction handles no more text than is meant."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, LargeBinary, Row, cast, func

from askcli.store.tables import questions

# Texts of one page, or deleted in one transaction, in bytes as UTF-8.
MAX_BYTES = 4_194_304


def of_texts(connection: Connection) -> ColumnElement[int]:
    """Return the expression of the size of a question's texts, as UTF-8."""
    c = questions.c
    texts = (c.question, c.answer, func.coalesce(c.system, ""))
    if connection.dialect.name == "sqlite":
        one, two, three = (func.length(cast(text, LargeBinary)) for text in texts)
    else:  # which knows the size without reading the text
        one, two, three = (func.octet_length(text) for text in texts)
    return one + two + three


def fitting(candidates: Iterable[Row[UUID, int]]) -> list[UUID]:
    """Return the ids of the first of these (id, bytes) that fit; the very first in any case."""
    ids: list[UUID] = []
    remaining = MAX_BYTES
    for question_id, size in candidates:
        remaining -= size
        if ids and remaining < 0:
            break
        ids.append(question_id)
    return ids
