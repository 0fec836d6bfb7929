"""Users of PostgreSQL who may do what they were granted and no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import psycopg
from sqlalchemy import make_url


@dataclass(frozen=True)
class Role:
    """A user of a database, its URL for them, and a connection of its owner's."""

    name: str
    url: str
    owner: psycopg.Connection

    def owner_runs(self, statement: str) -> None:
        """Run a statement of the owner's, in which `{role}` is this user."""
        self.owner.execute(statement.format(role=self.name).encode())


@contextmanager
def role_on(url: str) -> Iterator[Role]:
    """A new user of this database, with all rights on its tables."""
    name = f"askcli_{uuid4().hex}"
    own = make_url(url).set(username=name).render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as owner:
        role = Role(name, own, owner)
        role.owner_runs("CREATE ROLE {role} LOGIN")
        try:
            role.owner_runs("GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
            yield role
        finally:
            role.owner_runs("DROP OWNED BY {role}")
            role.owner_runs("DROP ROLE {role}")
