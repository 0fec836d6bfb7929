"""Real processes: `askcli serve` on a free port, and the environment of any command."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

from tests.support import forking
from tests.support.forking import ForkedProcess

ASKCLI = str(Path(sys.executable).with_name("askcli"))

# The variables of the machine that a command gets: no key, no proxy, no setting of the developer.
_INHERITED = ("PATH", "LANG", "SSL_CERT_FILE", "PIP_CERT")


def environment(home: Path, **settings: str) -> dict[str, str]:
    """A user's environment whose home is `home`."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    home.mkdir(parents=True, exist_ok=True)
    return inherited | {
        "HOME": str(home),
        "PYTHONWARNINGS": "error",
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
        **settings,
    }


def can_fork(variables: Mapping[str, str]) -> bool:
    """Whether a forked command is as good as a fresh one: Python reads its own variables once.

    PYTHONPATH is here the directory of a `sitecustomize` and nothing else: see `customized`.
    """
    own = {name: value for name, value in variables.items() if name.startswith("PYTHON")}
    own.pop("PYTHONPATH", None)
    return forking.AVAILABLE and own == {"PYTHONWARNINGS": "error"}


# Of an error in a log: its line, and a traceback through the middleware.
ERROR_LINES = 150


class ServerProcess:
    """A real `askcli serve`; `log` is what it has written to stderr.

    It is forked from a process that has loaded everything, except where `FreshServer` is used.
    """

    fresh = False
    program = ASKCLI

    def __init__(self, home: Path, *flags: str, **settings: str) -> None:
        self.log: list[str] = []
        self.url = ""
        self.database_url = settings.get("DB_CONN_STRING", "")
        self._home, self.settings = home, settings
        self._listens = threading.Event()
        variables = environment(home, **settings)
        arguments = [self.program, "serve", "--port", "0", *flags]
        start = _fresh if self.fresh or not can_fork(variables) else _forked
        self._process = start(arguments, variables, home)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._listens.wait(120), self.log
        assert self.url, "".join(self.log)

    def _read(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            self.log.append(line.decode())
            if match := re.search(r"serves (http://\S+)", self.log[-1]):
                self.url = match[1]
                self._listens.set()
        self._listens.set()

    def first_error(self) -> str:
        """What it has logged from its first error on, the traceback too; empty without one."""
        for number, line in enumerate(self.log):
            if " ERROR " in line or "Traceback" in line:
                return "".join(self.log[number : number + ERROR_LINES])
        return ""

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def workers(self) -> set[int]:
        """The running worker processes that it has started."""
        if isinstance(self._process, ForkedProcess):
            return forking.started_by(self.pid)
        return {child.pid for child in psutil.Process(self.pid).children()}

    def again(self) -> Self:
        """The same server, started again on the same port after it has ended."""
        port = self.url.rpartition(":")[2]
        return type(self)(self._home, "--port", port, **self.settings)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal, wait, and return the exit code."""
        self._process.send_signal(number)
        code = self._process.wait(60)
        self._reader.join(10)
        assert self._process.stderr
        self._process.stderr.close()
        return code


class FreshServer(ServerProcess):
    """A server started as a host starts it, which also hashes passwords at their real cost."""

    fresh = True


def _fresh(
    arguments: Sequence[str], variables: Mapping[str, str], home: Path
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        arguments,
        env=variables,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _forked(arguments: Sequence[str], variables: Mapping[str, str], home: Path) -> ForkedProcess:
    return ForkedProcess(arguments, env=variables, cwd=home, stderr=subprocess.PIPE)
