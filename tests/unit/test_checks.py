"""Checks of a database, and what its errors are to a command."""

from __future__ import annotations

import signal
from contextlib import closing

import pytest

from askcli.store import deadline
from askcli.store.checks import connection_errors
from askcli.store.database import Database
from tests.support.databases import NewDatabase

LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"


def test_a_ctrl_c_within_a_statement_of_sqlite_is_one(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals = [signal.SIGINT]

    def asked() -> bool:
        if signals:
            signal.raise_signal(signals.pop())
        return False

    monkeypatch.setattr(deadline, "has_passed", asked)
    with (
        closing(Database(new_database("sqlite"))) as database,
        pytest.raises(KeyboardInterrupt),
        connection_errors(database),
        database.engine.connect() as connection,
    ):
        connection.exec_driver_sql(f"{LONG} SELECT count(*) FROM n").scalar()
    assert not signals
