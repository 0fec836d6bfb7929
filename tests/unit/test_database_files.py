"""Looking at the files of an SQLite database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from askcli.files import pid_file
from askcli.server.process.database_files import REQUEST_SECONDS
from askcli.server.process.serve import PortServer
from askcli.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'askcli.db'}")
    with database.transaction():
        pass
    yield database
    database.close()


def test_requests_of_a_moment_look_at_the_files_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Mock(wraps=pid_file.file_identity)
    monkeypatch.setattr(pid_file, "file_identity", look)
    clock = Mock(return_value=100.0)
    monkeypatch.setattr(time, "monotonic", clock)
    server = PortServer(database, None)
    server.refusal()
    look.reset_mock()
    server.refusal()
    look.assert_not_called()
    clock.return_value += REQUEST_SECONDS
    assert [server.refusal() for _ in range(10)] == [None] * 10
    assert look.call_count == 3
