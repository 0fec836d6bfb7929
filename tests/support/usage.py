"""What a user's questions cost, as the database has it."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from sqlalchemy import select

from askcli.store.tables import usage
from tests.support.databases import database_of
from tests.support.people import Person
from tests.support.processes import ServerProcess


def used(server: ServerProcess, person: Person) -> list[Any]:
    """What the user's questions cost, the oldest first."""
    query = select(usage).where(usage.c.user_id == UUID(person.id)).order_by(usage.c.question_id)
    with database_of(server) as connection:
        return list(connection.execute(query).mappings())


def settled(server: ServerProcess, person: Person) -> list[Any]:
    """The same, once nothing is under way any more."""
    deadline = time.monotonic() + 10
    while not all(row["settled"] for row in used(server, person)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return used(server, person)
