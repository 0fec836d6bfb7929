"""Starting askcli's server as a user does."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from tests.support.processes import FreshServer
from tests.support.servers import LIMITS

from benchmarks import cores
from benchmarks.peers import environments
from benchmarks.servers import SECRET, Server

if TYPE_CHECKING:
    from benchmarks.bench import Bench

# All users come from one address, and of each there are more streams at once than people have.
SETTINGS = {
    "ANTHROPIC_API_KEY": "sk-bench",
    "JWT_SECRET": SECRET,
    "ASKCLI_REGISTRATION": "open",
    "ASKCLI_ACCESS_TOKEN_SECONDS": "3600",
    "ASKCLI_MAX_RUNNING": "4000",
    "ASKCLI_MAX_WAITING": "4000",
    "PYTHONWARNINGS": "default",
    **dict.fromkeys(LIMITS, "off"),
}


class InstalledServer(FreshServer):
    """A server of the installed askcli."""

    program = str(environments.HERE / environments.OURS / "bin/askcli")


def start(bench: Bench, kind: str, url: str, *flags: str, on: set[int] = cores.SERVER) -> Server:
    """Start `askcli serve` on a database, migrated before if that is a PostgreSQL."""
    settings = SETTINGS | {"ANTHROPIC_BASE_URL": bench.provider_url, "DB_CONN_STRING": url}
    if kind == "PostgreSQL":
        run(bench.directory, ["migrate"], settings)
    with cores.pinned(on):
        process = InstalledServer(bench.directory / uuid4().hex, *flags, **settings)
    server = Server(f"askcli, {kind}", int(process.url.rpartition(":")[2]), process.pid)
    server.database, server.stop = url, process.stop
    bench.stack.callback(_stopped, process)
    return server


def _stopped(process: FreshServer) -> None:
    with suppress(Exception):  # a section may have stopped it before
        process.stop()


def command(*arguments: str) -> list[str]:
    """Return one of our commands as it is run."""
    return [environments.command(environments.OURS, "askcli"), *arguments]


def run(home: Path, arguments: list[str], settings: Mapping[str, str], stdin: str = "") -> None:
    """Run one of our commands to its end."""
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **settings}
    done = subprocess.run(
        command(*arguments), env=environment, cwd=home, input=stdin, text=True, capture_output=True
    )
    if done.returncode:
        raise RuntimeError(f"askcli {arguments}: {done.stderr}")


def until_ready(bench: Bench, kind: str, url: str) -> float:
    """Return the seconds from the start of a server to its first 200 of /readyz."""
    began = time.perf_counter()
    server = start(bench, kind, url)
    server.call("GET", "/readyz")
    seconds = time.perf_counter() - began
    server.stop()
    return seconds
