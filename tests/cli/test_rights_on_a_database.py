"""Rights on PostgreSQL that the host's user lacks: the commands say which."""

from __future__ import annotations

import pytest

from tests.support.cli import NewCli
from tests.support.databases import NewDatabase
from tests.support.roles import role_on
from tests.support.secrets import SECRET

COMMANDS = [("users", "list"), ("audit",), ("migrate",), ("migrate", "--check"), ("serve",)]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_schema_that_may_not_be_used_is_not_taken_for_an_empty_database(
    new_database: NewDatabase, new_cli: NewCli, words: tuple[str, ...]
) -> None:
    with role_on(new_database("postgres")) as role:
        role.owner_runs("REVOKE USAGE ON SCHEMA public FROM PUBLIC")
        done = new_cli(DB_CONN_STRING=role.url, JWT_SECRET=SECRET)(*words)
    assert (done.code, done.out) == (1, ""), done
    assert f"{role.name} lacks the right to use its schema public" in done.err
