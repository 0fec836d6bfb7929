"""An SQLite file that is moved away: its log, with what was acknowledged last, is not deleted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.cli import NewCli
from tests.support.databases import migrated_file
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.processes import ServerProcess
from tests.support.secrets import SECRET
from tests.support.servers import server_settings
from tests.support.waiting import until_files_are_looked_at


@pytest.mark.parametrize("flags", [[], ["--workers", "2"]])
def test_the_log_of_a_database_that_was_moved_is_set_aside(
    fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path, flags: list[str]
) -> None:
    file, moved = tmp_path / "askcli.db", tmp_path / "moved.db"
    migrated_file(file)
    server = ServerProcess(tmp_path, *flags, **server_settings(fake, f"sqlite:///{file}"))
    person = new_person(server)
    for number in range(9):
        assert person.ask(f"question {number}").status_code == 201
    file.rename(moved)
    until_files_are_looked_at()
    assert person.ask("lost?").status_code == 503
    assert server.stop(0) == 1
    (log,) = tmp_path.glob("askcli.db-wal.of-replaced-*")
    assert any(str(log) in line for line in server.log)
    assert server.again().stop() == 0  # with a new, empty database
    log.rename(tmp_path / "moved.db-wal")  # as the error says
    with closing(sqlite3.connect(moved)) as old:
        assert old.execute("SELECT count(*) FROM questions").fetchone() == (9,)


@pytest.mark.parametrize("command", [["migrate"], ["serve", "--port", "0"]])
def test_no_database_is_created_beside_the_log_of_another(
    new_cli: NewCli, tmp_path: Path, command: list[str]
) -> None:
    """As where the server was killed, so that nobody has set the log aside."""
    file, log = tmp_path / "askcli.db", tmp_path / "askcli.db-wal"
    cli = new_cli(DB_CONN_STRING=f"sqlite:///{file}", JWT_SECRET=SECRET, ASKCLI_ANSWERER="scripted")
    log.write_bytes(b"latest changes")
    done = cli(*command)
    assert (done.code, done.err.count("\n")) == (1, 1), done
    assert f"put the file back, or move {log.name} away" in done.err
    assert log.read_bytes() == b"latest changes"
    assert not file.exists()
    log.write_bytes(b"")
    assert cli("migrate").code == 0
