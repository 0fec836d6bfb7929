"""askcli store backup and restore: an SQLite database in a file, and back, whatever happens."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from askcli.cli.commands.admin import store
from askcli.store import migrations
from askcli.store.copies import backups, restoring
from tests.support.cli import Cli, NewCli
from tests.support.databases import NewDatabase
from tests.support.moves import checksums, opened
from tests.support.people import NewPerson
from tests.support.processes import ServerProcess
from tests.support.stored import add_question, fill

NEXT = f"{int(migrations.HEAD) + 1:04}"


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    url = new_database("sqlite", migrated=True)
    fill(url)
    return url


@pytest.fixture
def host(url: str, new_cli: NewCli) -> Cli:
    return new_cli(DB_CONN_STRING=url)


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def beside(file: Path) -> set[str]:
    return {path.name for path in file.parent.iterdir()}


def test_a_backup_that_was_made_while_a_server_wrote_is_restored(
    sqlite_server: ServerProcess,
    new_person: NewPerson,
    new_cli: NewCli,
    new_database: NewDatabase,
) -> None:
    """The one question that it must have, and of those under way each whole or not at all."""
    live = new_cli(DB_CONN_STRING=sqlite_server.database_url)
    person = new_person(sqlite_server)
    person.ask("the first of them")
    file, done = live.home / "backup", threading.Event()

    def ask() -> None:
        while not done.is_set():
            person.ask("one more of them")

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        backup = live("store", "backup", str(file))
    finally:
        done.set()
        thread.join()
    assert (backup.code, stat.S_IMODE(file.stat().st_mode)) == (0, 0o600), backup
    before = checksums(f"sqlite:///{file}")
    url = new_database("sqlite", migrated=True)
    assert new_cli(DB_CONN_STRING=url).in_process("store", "restore", str(file)).code == 0
    assert checksums(url) == before
    assert before["questions"]["rows"] >= 1
    refused = live.in_process("store", "restore", str(file))
    assert (refused.code, "another process has the database" in refused.err) == (1, True)
    assert person.http.get("/readyz").status_code == 200
    assert live.in_process("users", "list").code == 0


def test_a_restore_keeps_what_was_there(url: str, host: Cli, new_database: NewDatabase) -> None:
    file, database = host.home / "backup", file_of(url)
    assert host.in_process("store", "backup", str(file)).code == 0
    kept = checksums(url)
    with opened(url) as stays_open, stays_open.transaction() as connection:
        user_id = connection.execute(text("SELECT id FROM users LIMIT 1")).scalar_one()
        add_question(connection, UUID(user_id), "asked since", 99)
    before = checksums(url)
    done = host.in_process("store", "restore", str(file))
    assert done.code == 0, done
    assert checksums(url) == kept
    (aside,) = database.parent.glob("askcli.db.replaced-*Z")
    assert str(aside) in done.err
    assert checksums(f"sqlite:///{aside}") == before
    assert host.in_process("users", "list").code == 0
    new = file_of(new_database("sqlite")).with_name("not there yet") / "askcli.db"
    elsewhere = Cli(host.home, DB_CONN_STRING=f"sqlite:///{new}")
    assert elsewhere.in_process("store", "restore", str(file)).code == 0
    assert (checksums(f"sqlite:///{new}"), stat.S_IMODE(new.stat().st_mode)) == (kept, 0o600)


def test_what_is_in_the_log_alone_is_kept(url: str, host: Cli) -> None:
    """Of a server that was killed, SQLite's file has not got the latest changes."""
    file, database = host.home / "backup", file_of(url)
    assert host.in_process("store", "backup", str(file)).code == 0
    killed = database.with_name("killed.db")
    with opened(url) as server, server.transaction() as connection:
        connection.execute(text("UPDATE users SET name = 'the latest'"))
    with opened(url) as server, server.reading() as connection:
        connection.execute(text("SELECT * FROM users")).all()
        for end in ("", "-wal"):
            shutil.copy(f"{database}{end}", f"{killed}{end}")
    done = Cli(host.home, DB_CONN_STRING=f"sqlite:///{killed}").in_process(
        "store", "restore", str(file)
    )
    assert done.code == 0, done
    (aside,) = killed.parent.glob("killed.db.replaced-*Z")
    assert not list(killed.parent.glob("killed.db-*"))
    with closing(sqlite3.connect(aside)) as connection_:
        assert connection_.execute("SELECT DISTINCT name FROM users").fetchall() == [
            ("the latest",)
        ]


def test_a_database_in_use_is_not_replaced(url: str, host: Cli) -> None:
    """Whether SQLite can read it or not."""
    file, database = host.home / "backup", file_of(url)
    assert host.in_process("store", "backup", str(file)).code == 0
    files = beside(database)
    script = f"import sqlite3,sys;c=sqlite3.connect({str(database)!r});"
    script += "c.execute('PRAGMA journal_mode=WAL');c.execute('SELECT * FROM users').fetchone();"
    script += "print(1,flush=True);sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdin
        assert server.stdout
        server.stdout.readline()
        for damage in (b"", b"no database at all, any more"):
            with database.open("rb+") as content:
                content.write(damage)
            done = host.in_process("store", "restore", str(file))
            assert (done.code, "another process has the database" in done.err) == (1, True), done
            assert beside(database) >= files
        server.stdin.close()
    done = host.in_process("store", "restore", str(file))
    assert done.code == 0, done
    assert host.in_process("users", "list").code == 0
    (aside,) = database.parent.glob("askcli.db.replaced-*Z")
    assert aside.read_bytes().startswith(b"no database")


def test_a_log_that_sqlite_leaves_goes_with_its_database(
    url: str, host: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "_lock", lambda *_: False)  # as where SQLite cannot read it
    database = file_of(url)
    assert host.in_process("store", "backup", "backup").code == 0
    database.with_name("askcli.db-wal").write_bytes(b"the log")
    assert host.in_process("store", "restore", "backup").code == 0
    (log,) = database.parent.glob("*-wal")
    assert log.name.startswith("askcli.db.replaced-")


def test_only_a_whole_backup_of_a_known_version_is_restored(url: str, host: Cli) -> None:
    database, before = file_of(url), checksums(url)
    files = beside(database)
    good = host.home / "good"
    assert host.in_process("store", "backup", str(good)).code == 0

    def bad(name: str, statement: str = "") -> Path:
        file = host.home / name
        shutil.copy(good, file)
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(statement)
        return file

    other, damaged, text_ = (host.home / name for name in ("other", "damaged", "text"))
    with closing(sqlite3.connect(other)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num)")
    content = bytearray(good.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 8192] = bytes(8192)
    damaged.write_bytes(content)
    text_.write_text("no database")
    for file, reason in (
        (host.home / "none", "is not there"),
        (text_, "not a database"),
        (other, "no database of askcli"),
        (damaged, "damaged"),
        (bad("newer", "UPDATE alembic_version SET version_num = '9999'"), "upgrade this one"),
        (bad("next", f"UPDATE alembic_version SET version_num = '{NEXT}'"), "upgrade this one"),
        (bad("orphaned", "DELETE FROM users"), "damaged"),
        (bad("unfinished", "UPDATE alembic_version SET version_num = 'copying'"), "not ended"),
    ):
        done = host.in_process("store", "restore", str(file))
        assert (done.code, reason in done.err, done.err.count("\n")) == (1, True, 2), done
    assert (checksums(url), beside(database)) == (before, files)
    older = bad("older", "UPDATE alembic_version SET version_num = '0001'")
    assert "migrates from 0001" in host.in_process("store", "restore", str(older)).err


def test_a_backup_appears_whole_or_not_at_all(
    url: str, host: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = host.home / "backup"
    file.write_text("the one before")
    done = host.in_process("store", "backup", str(file))
    assert (done.code, "add --yes" in done.err) == (2, True)
    files = beside(file)
    with monkeypatch.context() as patch:
        patch.setattr(backups, "_one", lambda *_: "0018")  # no integrity_check says so
        failed = host.in_process("store", "backup", str(file), "--yes")
    assert (failed.code, "is damaged" in failed.err) == (1, True), failed
    assert (file.read_text(), beside(file)) == ("the one before", files)
    assert host.in_process("store", "backup", str(file), "--yes").code == 0
    assert (beside(file), stat.S_IMODE(file.stat().st_mode)) == (files, 0o600)
    for own in ("", "-wal"):
        done = host.in_process("store", "backup", f"{file_of(url)}{own}", "--yes")
        assert (done.code, "is the database itself" in done.err) == (2, True)
    done = host.in_process("store", "backup", str(host.home / "no" / "backup"))
    assert (done.code, "No such file" in done.err) == (1, True), done


def test_a_backup_takes_the_place_of_no_device_pipe_or_open_file(host: Cli) -> None:
    """Links, as a failure would replace the machine's own /dev/stdout by a file, if root's."""
    targets = [host.home / name for name in ("stdout", "null", "pipe", "directory")]
    targets[0].symlink_to("/dev/stdout")
    targets[1].symlink_to("/dev/null")
    os.mkfifo(targets[2])
    targets[3].mkdir()
    before = {file.name: file.lstat().st_ino for file in host.home.iterdir()}
    for target in (*targets, Path("/proc/self/fd/1")):
        done = host("store", "backup", str(target), "--yes")
        assert (done.code, done.out, "no ordinary file" in done.err) == (2, "", True), done
    assert {file.name: file.lstat().st_ino for file in host.home.iterdir()} == before


def test_a_backup_goes_where_a_link_leads(
    url: str, host: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host's backup may be on another disk, to which a link leads; the link stays one."""
    link, elsewhere, loop = (host.home / name for name in ("link", "elsewhere", "loop"))
    elsewhere.mkdir()
    link.symlink_to("elsewhere/backup")
    for way in ((), ("--yes",)):  # a new file, and one in the place of another
        done = host.in_process("store", "backup", str(link), *way)
        assert (done.code, str(elsewhere / "backup") in done.err) == (0, True), done
        assert str(link.readlink()) == "elsewhere/backup"
        assert beside(elsewhere / "backup") == {"backup"}
    shutil.rmtree(elsewhere)  # the disk is not there
    done = host.in_process("store", "backup", str(link), "--yes")
    assert (done.code, "No such file" in done.err, link.is_symlink()) == (1, True, True), done
    loop.symlink_to("loop")
    for file in (loop, loop / "backup"):
        done = host.in_process("store", "backup", str(file), "--yes")
        assert (done.code, loop.is_symlink(), "unexpected" in done.err) == (2, True, False), done
    monkeypatch.setattr(store, "belongs_to_another_sharer", lambda path: path == link)
    done = host.in_process("store", "backup", str(link), "--yes")
    assert (done.code, "is another user's" in done.err) == (2, True), done


def test_a_database_at_the_next_version_is_backed_up(url: str, host: Cli) -> None:
    """As by a cron job while servers are upgraded."""
    for version, code in ((NEXT, 0), ("9999", 1)):
        with opened(url) as database, database.transaction() as connection:
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{version}'"))
        assert host.in_process("store", "backup", f"at{version}").code == code


def test_what_was_deleted_is_in_no_backup(url: str, host: Cli) -> None:
    with opened(url) as database, database.transaction() as connection:
        user_id = UUID(connection.execute(text("SELECT id FROM users LIMIT 1")).scalar_one())
        add_question(connection, user_id, "a deleted secret " * 1000, 99)
    with opened(url) as database, database.transaction() as connection:
        connection.execute(text("PRAGMA secure_delete = OFF"))  # as many SQLites are built
        connection.execute(text("DELETE FROM questions WHERE answer LIKE '%deleted secret%'"))
    assert host.in_process("store", "backup", "backup").code == 0
    assert b"deleted secret" in file_of(url).read_bytes()
    assert b"deleted secret" not in (host.home / "backup").read_bytes()


def test_postgresql_has_programs_of_its_own(new_cli: NewCli) -> None:
    host = new_cli(DB_CONN_STRING="postgresql://u:sesame@127.0.0.1:1/x")
    for words, program in (("backup", "pg_dump"), ("restore", "pg_restore")):
        done = host.in_process("store", words, "file")
        assert (done.code, program in done.err, "sesame" in done.err) == (2, True, False)
