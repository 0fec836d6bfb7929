"""A pooler before a PostgreSQL."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row

from tests.support.waiting import eventually


@contextmanager
def pgbouncer(url: str) -> Iterator[str]:
    """A real pooler of transactions before this database: its URL there."""
    if not (command := shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")):
        pytest.skip("there is no pgbouncer on this machine")
    target: dict[str, Any] = conninfo_to_dict(url)
    host, name = target["host"], target["dbname"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="askcli-pooler-") as base:
        Path(base).chmod(0o755)
        users, settings = Path(base) / "users", Path(base) / "pgbouncer.ini"
        users.write_text('"postgres" ""')
        settings.write_text(f"""
[databases]
{name} = host={host} port={target.get("port", 5432)} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
server_login_retry = 1
""")
        owner = Path(host).owner() if host.startswith("/") else "nobody"
        arguments = [command, "-q", *([] if os.geteuid() else ["-u", owner]), str(settings)]
        with subprocess.Popen(arguments, stderr=subprocess.DEVNULL) as process:
            pooled = f"postgresql://postgres@127.0.0.1:{port}/{name}"
            try:
                eventually(lambda: _is_there(pooled))
                yield pooled
            finally:
                process.terminate()


def clients(pooled: str) -> set[int]:
    """The ports of those who are connected to a database through a pooler."""
    url = pooled.rpartition("/")[0] + "/pgbouncer"
    with psycopg.Connection[DictRow].connect(
        url, autocommit=True, row_factory=dict_row, cursor_factory=psycopg.ClientCursor
    ) as connection:
        rows = connection.execute("SHOW CLIENTS").fetchall()
    return {row["port"] for row in rows if row["database"] != "pgbouncer"}


def is_polling(line: str) -> bool:
    """Whether a server says in this line of its log that no notifications arrive."""
    return "asks the database what is new" in line


def _is_there(url: str) -> bool:
    try:
        with psycopg.connect(url):
            return True
    except psycopg.OperationalError:
        return False
