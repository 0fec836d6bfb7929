"""The real commands: `askcli serve` on a free port, and any other in a subprocess or a terminal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect

ASKCLI = str(Path(sys.executable).with_name("askcli"))

SHOW_SECRETS = {"create", "reset-password"}

# What a command may see of the machine: no key, no proxy, no setting of the developer's own.
_KEPT = ("PATH", "LANG", "SSL_CERT_FILE", "PIP_CERT")


def environment(home: Path, **more: str) -> dict[str, str]:
    """A user's environment whose home is `home`."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    home.mkdir(parents=True, exist_ok=True)
    return kept | {
        "HOME": str(home),
        "PYTHONWARNINGS": "error",
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
        **more,
    }


class ServerProcess:
    """A real `askcli serve`; `log` is what it has written to stderr."""

    def __init__(self, home: Path, *flags: str, **settings: str) -> None:
        self.log: list[str] = []
        self.url = ""
        self.database_url = settings.get("DB_CONN_STRING", "")
        self._home, self._flags, self._settings = home, flags, settings
        self._listens = threading.Event()
        self._process = subprocess.Popen(
            [ASKCLI, "serve", "--port", "0", *flags],
            env=environment(home, **settings),
            cwd=home,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._listens.wait(60), self.log
        assert self.url, "".join(self.log)

    def _read(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            self.log.append(line)
            if found := re.search(r"serves (http://\S+)", line):
                self.url = found[1]
                self._listens.set()
        self._listens.set()

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def again(self) -> ServerProcess:
        """The same server, started again on the same port after it has ended."""
        port = self.url.rpartition(":")[2]
        return ServerProcess(self._home, "--port", port, **self._settings)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal, wait, and return the exit code."""
        self._process.send_signal(number)
        code = self._process.wait(60)
        self._reader.join(10)
        assert self._process.stderr
        self._process.stderr.close()
        return code


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


class Cli:
    """A user at a shell: a home directory, an environment, and the `askcli` command."""

    def __init__(
        self, home: Path, told: Callable[[str], None] = lambda _: None, **settings: str
    ) -> None:
        """`told` gets what its commands write, but for those that are asked to show a secret."""
        self.home = home
        self._told = told
        self.environment = environment(home, **settings)

    def __call__(self, *arguments: str, stdin: str | bytes | None = "", **more: Any) -> Done:
        """Run a command to its end; `stdin` None means closed."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [ASKCLI, *arguments],
            input=data,
            capture_output=True,
            env=self.environment,
            cwd=self.home,
            timeout=120,
            **more,
        )
        ended = Done(done.returncode, done.stdout.decode(), done.stderr.decode())
        self._told(ended.err if SHOW_SECRETS & set(arguments) else ended.out + ended.err)
        return ended

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:
        """Start a command whose output is a pipe."""
        return subprocess.Popen(
            [ASKCLI, *arguments],
            env=self.environment,
            cwd=self.home,
            **({"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE} | more),
        )

    def shell(self, script: str, **more: Any) -> Done:
        """Run a shell script in which `askcli` is the command."""
        path = f"{Path(ASKCLI).parent}:{self.environment['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            capture_output=True,
            text=True,
            env=self.environment | {"PATH": path},
            cwd=self.home,
            timeout=120,
            **more,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def terminal(self, *arguments: str, columns: int = 80, rows: int = 24) -> pexpect.spawn:
        """Run a command in a pseudo-terminal."""
        return pexpect.spawn(
            ASKCLI,
            list(arguments),
            env=self.environment,
            cwd=str(self.home),
            dimensions=(rows, columns),
            encoding="utf-8",
            timeout=60,
        )

    def terminal_shell(self, script: str, columns: int = 80, rows: int = 24) -> pexpect.spawn:
        """Run a shell script, in which `askcli` is the command, in a pseudo-terminal."""
        path = f"{Path(ASKCLI).parent}:{self.environment['PATH']}"
        return pexpect.spawn(
            "bash",
            ["--norc", "-c", script],
            env=self.environment | {"PATH": path},
            cwd=str(self.home),
            dimensions=(rows, columns),
            encoding="utf-8",
            timeout=60,
        )
