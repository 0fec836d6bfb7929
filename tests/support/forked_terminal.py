"""Forked commands in a pseudo-terminal, as `pexpect.spawn` would start them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pexpect
import ptyprocess

from tests.support.forking import ForkedProcess


class ForkedTerminal(pexpect.spawn):  # type: ignore[misc]
    """`pexpect.spawn`, but the command is forked from a process that has loaded everything."""

    def _spawnpty(self, args: list[bytes], **options: Any) -> ptyprocess.PtyProcess:
        ours, theirs = os.openpty()
        terminal = _Terminal(ours)
        terminal.setwinsize(*options["dimensions"])
        terminal.start([word.decode() for word in args], theirs, options["env"], options["cwd"])
        os.close(theirs)
        return terminal


class _Terminal(ptyprocess.PtyProcess):  # type: ignore[misc]
    """A pseudo-terminal whose process is no child of this one."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(0, descriptor)

    def start(self, arguments: list[str], stream: int, variables: dict[str, str], cwd: str) -> None:
        """Start the command; `stream` is its end of the terminal."""
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), stream)
        self._process = ForkedProcess(
            arguments, env=variables, cwd=Path(cwd), session=True, terminal=True, **streams
        )
        self.pid = self._process.pid

    def isalive(self) -> bool:
        """Whether the command runs; once its output has ended, waits for its end."""
        if not self.flag_eof and self._process.poll() is None:
            return True
        self.wait()
        return False

    def wait(self) -> int | None:
        """Wait for the end; returns the exit code, None for a signal."""
        code = self.status = self._process.wait()
        self.exitstatus: int | None = code if code >= 0 else None
        self.signalstatus: int | None = -code if code < 0 else None
        self.terminated = True
        return self.exitstatus
