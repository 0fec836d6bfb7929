"""Empty databases: files of SQLite, and databases of a PostgreSQL that is started for the run."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import psycopg
from tests.support.databases import postgres_in

from benchmarks import cores


class Databases:
    """Makes databases; the PostgreSQL is started when the first one is wanted there."""

    def __init__(self, stack: ExitStack, directory: Path, url: str) -> None:
        self._stack, self._directory, self._url = stack, directory, url

    def new(self, kind: str) -> str:
        """Return the URL of an empty database."""
        name = f"bench_{uuid4().hex}"
        if kind == "SQLite":
            return f"sqlite:///{self._directory}/{name}.db"
        self._url = self._url or self._start()
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        base, mark, query = self._url.partition("?")
        return f"{base.rpartition('/')[0]}/{name}{mark}{query}"

    def version(self) -> str:
        """Return the version of the PostgreSQL; nothing if the run has used none."""
        if not self._url:
            return ""
        with psycopg.connect(self._url) as connection:
            return connection.info.parameter_status("server_version") or ""

    def _start(self) -> str:
        # Not the run's directory: PostgreSQL, which never runs as root, must be able to enter it.
        base = Path(tempfile.mkdtemp(prefix="askcli-bench-postgresql-"))
        base.chmod(0o755)
        self._stack.callback(shutil.rmtree, base, ignore_errors=True)
        with cores.pinned(cores.LOAD):
            server = postgres_in(base, "delete")
        self._stack.callback(server.cleanup)
        return str(server.get_uri())
