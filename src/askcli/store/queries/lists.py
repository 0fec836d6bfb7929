"""Parameters that are lists of ids: a statement is the same for all lists."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Uuid, any_, bindparam, column, func, select
from sqlalchemy.dialects import postgresql


def among(dialect: str, key: ColumnElement[UUID]) -> ColumnElement[bool]:
    """Return the condition that a column is in the list of the parameter `ids`."""
    if dialect == "sqlite":
        ids = func.json_each(bindparam("ids")).table_valued(column("value", Uuid))
        return key.in_(select(ids.c.value))
    return key == any_(bindparam("ids", type_=postgresql.ARRAY(Uuid)))


def of_ids(connection: Connection, ids: Collection[UUID]) -> Any:
    """Return the value of the parameter `ids`."""
    if connection.dialect.name == "sqlite":
        return json.dumps([id_.hex for id_ in ids])
    return list(ids)
