"""Servers with the suite's settings, and their metrics."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.support import plain_http
from tests.support.databases import database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.processes import ServerProcess
from tests.support.secrets import KEY, SECRET
from tests.support.waiting import eventually

LIMITS = [f"ASKCLI_{name}_LIMIT" for name in ("LOGIN", "ACCOUNT", "ADDRESS", "REGISTER", "REFRESH")]


def serving(home: Path, fake: FakeAnthropic, url: str, **settings: str) -> ServerProcess:
    """A server on this database, with the fake Anthropic behind it."""
    return ServerProcess(home, **server_settings(fake, url, **settings))


def server_settings(fake: FakeAnthropic, url: str, **settings: str) -> dict[str, str]:
    """The settings of a server on this database, with the fake Anthropic behind it."""
    defaults = {
        "DB_CONN_STRING": url,
        "JWT_SECRET": SECRET,
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": fake.url,
        "ASKCLI_REGISTRATION": "open",  # on PostgreSQL too; the policy has tests of its own
        # All tests come from one address; the limits have tests of their own.
        **dict.fromkeys(LIMITS, "off"),
    }
    return defaults | settings


@contextmanager
def paused(server: ServerProcess) -> Iterator[None]:
    """Pause a server's process during the block, when it has no lock on an SQLite database."""
    with database_of(server):
        os.kill(server.pid, signal.SIGSTOP)
        eventually(lambda: _is_stopped(server.pid))  # one of its threads has to see the signal
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def _is_stopped(pid: int) -> bool:
    threads = psutil.Process(pid).threads()
    return all(psutil.Process(one.id).status() == psutil.STATUS_STOPPED for one in threads)


# A process that may do what an ordinary user may, if the tests are root's.
WITHOUT_RIGHTS = """
import ctypes, os

if os.getuid() == 0:
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capset(header, none) == 0
"""


def customized(directory: Path, code: str) -> dict[str, str]:
    """The setting of a command that runs this code first, as what no setting changes may need."""
    (directory / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(directory)}


def metric(server: ServerProcess, name: str) -> float:
    """One of the server's metrics."""
    lines = plain_http.get(f"{server.url}/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(name)).split()[1])
