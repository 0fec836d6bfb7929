"""Connections that PostgreSQL refuses: what the error says."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text

from askcli.errors import DatabaseUnavailable
from askcli.store.database import Database
from tests.support.databases import NewDatabase, opened


def test_a_user_who_may_have_no_more_connections_is_told_so(new_database: NewDatabase) -> None:
    """As hosted PostgreSQLs limit them, far below max_connections."""
    url, role = new_database("postgres"), f"limited_{uuid4().hex}"
    with opened(url) as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 0"))
    database = Database(url.replace("//postgres", f"//{role}", 1))
    with pytest.raises(DatabaseUnavailable, match="no connection left for this user"):
        asyncio.run(database.read(lambda connection: connection.execute(text("SELECT 1"))))
    database.close()
    with opened(url) as connection:
        connection.execute(text(f"DROP ROLE {role}"))
