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
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from tests.support.waiting import eventually


@contextmanager
def pgbouncer(url: str) -> Iterator[str]:
    """A real pooler of transactions before this database: its URL there."""
    if not (command := shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")):
        pytest.skip("there is no pgbouncer on this machine")
    directory, name = parse_qs(urlsplit(url).query)["host"][0], urlsplit(url).path[1:]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="askcli-pooler-") as base:
        Path(base).chmod(0o755)
        users, settings = Path(base) / "users", Path(base) / "pgbouncer.ini"
        users.write_text('"postgres" ""')
        settings.write_text(f"""
[databases]
{name} = host={directory} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
""")
        owner = [] if os.geteuid() else ["-u", Path(directory).owner()]
        arguments = [command, "-q", *owner, str(settings)]
        with subprocess.Popen(arguments, stderr=subprocess.DEVNULL) as process:
            pooled = f"postgresql://postgres@127.0.0.1:{port}/{name}"
            eventually(lambda: _is_there(pooled))
            yield pooled
            process.terminate()


def _is_there(url: str) -> bool:
    try:
        with psycopg.connect(url):
            return True
    except psycopg.OperationalError:
        return False
