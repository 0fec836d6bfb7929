"""askcli store restore where it is not one database that is replaced by another."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from askcli.server.process.database_files import DatabaseFiles
from askcli.store.copies import restoring
from askcli.store.database import sqlite_files
from tests.support.cli import Cli, NewCli
from tests.support.databases import NewDatabase
from tests.support.moves import checksums, opened
from tests.support.special_files import KINDS, make_special
from tests.support.stored import fill

State = Callable[[Path], AbstractContextManager[None]]

# A process that has the database open, and has read it, until its stdin ends.
OPEN = """import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT * FROM users").fetchone()
print("open", flush=True)
sys.stdin.read()
"""

# Of the names of files that were set aside within one second.
ENDS = ("", ".2", ".3")


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    url = new_database("sqlite", migrated=True)
    fill(url)
    return url


@pytest.fixture
def database(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@pytest.fixture
def host(url: str, new_cli: NewCli) -> Cli:
    """One who has a backup."""
    host = new_cli(DB_CONN_STRING=url)
    assert host.in_process("store", "backup", "backup").code == 0
    return host


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@contextmanager
def killed(database: Path) -> Iterator[None]:
    """A server is killed, its latest change in the log alone, and the database's file deleted."""
    kept = database.with_name("kept")
    with opened(f"sqlite:///{database}") as server:
        with server.transaction() as connection:
            connection.exec_driver_sql("UPDATE users SET name = 'of the log'")
        shutil.copy(f"{database}-wal", kept)
    database.unlink()
    kept.rename(f"{database}-wal")
    yield


@contextmanager
def open_elsewhere(database: Path) -> Iterator[None]:
    """A process still has the database open whose file was moved away, and has written nothing."""
    with subprocess.Popen(
        [sys.executable, "-c", OPEN, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == b"open\n"
        database.rename(database.with_name("moved"))
        assert database.with_name(f"{database.name}-wal").stat().st_size == 0
        yield
        process.stdin.close()


@pytest.mark.parametrize("state", [killed, open_elsewhere])
def test_no_backup_is_put_beside_the_log_of_another_database(
    url: str, database: Path, host: Cli, state: State
) -> None:
    expected = checksums(f"sqlite:///{host.home / 'backup'}")
    with state(database):
        before = contents(database.parent)
        done = host.in_process("store", "restore", "backup")
        assert (done.code, done.err.count("\n")) == (1, 2), done
        assert "put the file back or move askcli.db-" in done.err
        assert contents(database.parent) == before
    for log in database.parent.glob("askcli.db-*"):
        log.rename(log.with_name(f"moved{log.name}"))
    assert host.in_process("store", "restore", "backup").code == 0
    assert checksums(url) == expected


def test_a_disk_that_fails_leaves_the_database_where_it_is(
    database: Path, host: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its log, of one that SQLite cannot read."""
    monkeypatch.setattr(restoring, "_lock", lambda *_: False)
    database.with_name("askcli.db-wal").write_bytes(b"the log")
    before = contents(database.parent)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        done = host.in_process("store", "restore", "backup")
    assert (done.code, "No space left" in done.err) == (1, True), done
    assert contents(database.parent) == before
    assert host.in_process("store", "restore", "backup").code == 0


def test_a_restored_database_belongs_to_the_user_of_the_one_that_was_there(
    database: Path, host: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = (65534, 65533) if os.getuid() == 0 else (os.getuid(), os.getgid())
    os.chown(database, *owner)
    database.chmod(0o640)
    before = contents(database.parent)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fchown", fail)
        done = host.in_process("store", "restore", "backup")
    assert (done.code, "run this as the server's user" in done.err) == (1, True), done
    assert contents(database.parent) == before
    assert host.in_process("store", "restore", "backup").code == 0
    (aside,) = database.parent.glob("askcli.db.replaced-*Z")
    for file in (database, aside):
        status = file.stat()
        assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (*owner, 0o640)


def test_what_is_set_aside_within_one_second_has_names_of_its_own(
    url: str, database: Path, host: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a restore, and by a server whose database was moved."""
    wal, shm = sqlite_files.log_files(database)
    monkeypatch.setattr(time, "gmtime", lambda *_: time.struct_time((2026, 1, 2, 3, 4, 5, 4, 2, 0)))
    monkeypatch.setattr(restoring, "_lock", lambda *_: False)
    for number in (b"1", b"2", b"3"):
        database.write_bytes(number)
        wal.write_bytes(number)
        done = host.in_process("store", "restore", "backup")
        assert done.code == 0, done
    asides = [database.with_name(f"askcli.db.replaced-20260102T030405Z{end}") for end in ENDS]
    assert [path.read_bytes() for path in asides] == [b"1", b"2", b"3"]
    assert [sqlite_files.log_files(path)[0].read_bytes() for path in asides] == [b"1", b"2", b"3"]
    for number in (b"1", b"2", b"3"):
        with opened(url) as server:
            monkeypatch.setattr(server.writing.connections, "times", lambda: 0)  # it has it open
            files = DatabaseFiles(server)
            wal.write_bytes(number)
            shm.touch()
            assert files.is_log_intact()
            database.rename(database.with_name("moved"))
            database.write_bytes(b"another")
            assert len(files.set_log_aside()) == 2
    logs = [wal.with_name(f"{wal.name}.of-replaced-20260102T030405Z{end}") for end in ENDS]
    assert [path.read_bytes() for path in logs] == [b"1", b"2", b"3"]


def fail(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_ordinary_file_is_no_backup(host: Cli, database: Path, kind: str) -> None:
    """A pipe would be waited for, and a Ctrl-C would not end that."""
    before = contents(database.parent)
    make_special(host.home / "special", kind)
    done = host.in_process("store", "restore", "special")
    assert (done.code, "special is no ordinary file: name" in done.err) == (1, True), done
    assert contents(database.parent) == before


@pytest.mark.parametrize("kind", ["pipe", "directory", "loop"])
def test_what_is_no_ordinary_file_is_not_replaced(host: Cli, tmp_path: Path, kind: str) -> None:
    """A device would be, by root; no test tries that on this machine's own."""
    place = tmp_path / "special"
    if kind == "loop":
        place.symlink_to(place)
    else:
        make_special(place, kind)
    before = place.lstat()
    host.environment["DB_CONN_STRING"] = f"sqlite:///{place}"
    done = host("store", "restore", "backup")
    assert (done.code, "unexpected" in done.err, place.lstat()) == (2, False, before), done
    assert "special is" in done.err
