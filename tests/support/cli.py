"""A user at a shell: the `askcli` command in each way in which people and scripts start it."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pexpect

from tests.support import forking, in_process, shell_command
from tests.support.forked_terminal import ForkedTerminal
from tests.support.forking import SECONDS, ForkedProcess
from tests.support.processes import ASKCLI, ServerProcess, can_fork, environment

SHOW_SECRETS = {"create", "reset-password"}
FORKED_COMMAND = {shell_command.INSTALLED: ASKCLI}


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


class Cli:
    """A user at a shell: a home directory, an environment, and the `askcli` command.

    Calling it runs a command to its end, forked from a process that has loaded everything;
    `fresh` runs it as a shell would, and `in_process` in this process.
    """

    def __init__(
        self, home: Path, note_output: Callable[[str], None] = lambda _: None, **settings: str
    ) -> None:
        """`note_output` gets what commands write, except those that have to show a secret."""
        self.home = home
        self._note_output = note_output
        self.environment = environment(home, **settings)

    def __call__(self, *arguments: str, stdin: str | bytes = "") -> Done:
        """Run a command to its end."""
        if not can_fork(self.environment):
            return self.fresh(*arguments, stdin=stdin)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = ForkedProcess(
                [ASKCLI, *arguments],
                env=self.environment,
                cwd=self.home,
                stdin=subprocess.PIPE,
                stdout=out.fileno(),
                stderr=err.fileno(),
            )
            assert process.stdin
            try:
                with process.stdin:
                    process.stdin.write(_bytes(stdin))
            except BrokenPipeError:  # it did not read to the end
                pass
            code = process.wait(SECONDS)
            out.seek(0)
            err.seek(0)
            return self._done(arguments, code, out.read(), err.read())

    def fresh(self, *arguments: str, stdin: str | bytes | None = "", **more: Any) -> Done:
        """Run a command to its end as a shell would; `stdin` None means inherited."""
        done = subprocess.run(
            [ASKCLI, *arguments],
            input=None if stdin is None else _bytes(stdin),
            capture_output=True,
            env=self.environment,
            cwd=self.home,
            timeout=SECONDS,
            **more,
        )
        return self._done(arguments, done.returncode, done.stdout, done.stderr)

    def in_process(self, *arguments: str, stdin: str | bytes = "") -> Done:
        """Run a command to its end in this process: for what needs no process of its own."""
        ended = in_process.run(arguments, self.environment, self.home, _bytes(stdin))
        return self._done(arguments, *ended)

    def _done(self, arguments: tuple[str, ...], code: int, out: bytes, err: bytes) -> Done:
        done = Done(code, out.decode(), err.decode())
        self._note_output(done.err if SHOW_SECRETS & set(arguments) else done.out + done.err)
        return done

    def start(self, *arguments: str, **more: int) -> ForkedProcess | subprocess.Popen[bytes]:
        """Start a command whose output is a pipe, forked where that is as good."""
        if not can_fork(self.environment):
            return self.fresh_start(*arguments, **more)
        streams: Any = {"stdout": subprocess.PIPE} | more
        return ForkedProcess([ASKCLI, *arguments], env=self.environment, cwd=self.home, **streams)

    def fresh_start(self, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:
        """Start a command as a shell would, with a pipe for its output."""
        streams: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE} | more
        return subprocess.Popen(
            [ASKCLI, *arguments], env=self.environment, cwd=self.home, **streams
        )

    def shell(self, script: str) -> Done:
        """Run a shell script in which `askcli` is the command, forked where that is as good."""
        if not forking.AVAILABLE:
            return self.fresh_shell(script)
        return self._run_script(script, self._path(forking.bin_of_scripts()) | FORKED_COMMAND)

    def fresh_shell(self, script: str) -> Done:
        """Run a shell script in which `askcli` is the command as users have it."""
        return self._run_script(script, self._path())

    def _run_script(self, script: str, variables: dict[str, str]) -> Done:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            capture_output=True,
            text=True,
            env=variables,
            cwd=self.home,
            timeout=SECONDS,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def terminal(self, *arguments: str, columns: int = 80, rows: int = 24) -> pexpect.spawn:
        """Run a command in a pseudo-terminal, forked where that is as good."""
        spawn = ForkedTerminal if can_fork(self.environment) else pexpect.spawn
        return self._spawn(ASKCLI, list(arguments), self.environment, columns, rows, spawn)

    def fresh_terminal(self, *arguments: str) -> pexpect.spawn:
        """Run a command in a pseudo-terminal as a shell would."""
        return self._spawn(ASKCLI, list(arguments), self.environment, 80, 24)

    def terminal_shell(self, script: str, columns: int = 80, rows: int = 24) -> pexpect.spawn:
        """Run a shell script, in which `askcli` is the command, in a pseudo-terminal."""
        words = ["--norc", "-c", script]
        return self._spawn("bash", words, self._path(), columns, rows)

    def _spawn(
        self,
        command: str,
        words: list[str],
        variables: dict[str, str],
        columns: int,
        rows: int,
        spawn: type[pexpect.spawn] = pexpect.spawn,
    ) -> pexpect.spawn:
        return spawn(
            command,
            words,
            env=variables,
            cwd=str(self.home),
            dimensions=(rows, columns),
            encoding="utf-8",
            timeout=60,
        )

    def _path(self, *first: str) -> dict[str, str]:
        """The environment of a script: it finds programs in these directories first."""
        directories = (*first, str(Path(ASKCLI).parent), self.environment["PATH"])
        return self.environment | {"PATH": ":".join(directories)}


class NewCli(Protocol):
    """Makes users at a shell, each with a home of their own."""

    def __call__(self, server: ServerProcess | None = None, /, **settings: str) -> Cli: ...


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
