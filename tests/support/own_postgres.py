"""PostgreSQL servers of a test's own, by the programs of this machine: with TLS, and standbys."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))


class OwnPostgres:
    """A server on a port of loopback, whose files are in a directory."""

    def __init__(self, base: Path) -> None:
        if not PROGRAMS:
            pytest.skip("there is no PostgreSQL of this machine's own")
        self._bin, self.data, self._base = PROGRAMS[-1].parent, base / "data", base
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

    def follow(self, primary: OwnPostgres) -> None:
        """Become a standby of this primary, with a copy of what it has."""
        where = ("-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres")
        self.run("pg_basebackup", *where, "-D", str(self.data), "-R", "-X", "stream", "-c", "fast")
        self.start()

    def promote(self) -> None:
        self.run("pg_ctl", "-D", str(self.data), "-w", "promote")

    def run(self, program: str, *arguments: str) -> None:
        user = "postgres" if os.getuid() == 0 else None  # it never runs as root
        command = [str(self._bin / program), *arguments]
        done = subprocess.run(
            command, user=user, cwd=self._base, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """A server that is not initialized yet; it is stopped and removed."""
    base = Path(tempfile.mkdtemp(prefix="askcli-own-"))
    if os.getuid() == 0:
        try:
            os.chown(base, pwd.getpwnam("postgres").pw_uid, -1)
        except KeyError:
            pytest.skip("there is no user that could run a PostgreSQL")
    server = OwnPostgres(base)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(base)
