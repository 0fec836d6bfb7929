"""What the zygote is asked for, and how a fork becomes it."""

from __future__ import annotations

import fcntl
import importlib
import os
import sys
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TextIO, cast

FIRST_UNUSED = 2**16  # no process of the suite has so many descriptors


@dataclass
class ForkRequest:
    """A command to run."""

    arguments: list[str]
    environment: dict[str, str]
    directory: str
    module: str = "askcli.__main__"  # the one whose `main` it is
    session: bool = False  # whether it gets a session of its own
    terminal: bool = False  # whether stdin is the terminal that controls that session
    pass_fds: Sequence[int] = ()  # its numbers of the descriptors beside the standard streams
    received: Sequence[int] = ()  # the standard streams and these, under any numbers

    def become(self) -> None:
        """Make this process, a fork, the one that was asked for."""
        _place(self.received, [0, 1, 2, *self.pass_fds])
        if self.session:
            os.setsid()
        if self.terminal:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        sys.stdin = _stream(0, "r", "surrogateescape")
        sys.stdout = _stream(1, "w", "surrogateescape")
        sys.stderr = _stream(2, "w", "backslashreplace")
        os.environ.clear()
        os.environ.update(self.environment)
        time.tzset()
        os.chdir(self.directory)
        sys.argv = self.arguments
        if directory := self.environment.get("PYTHONPATH"):
            _customize(directory)


def _customize(directory: str) -> None:
    """Run the directory's `sitecustomize`, as Python does at its start."""
    sys.path.insert(0, directory)
    sys.modules.pop("sitecustomize", None)  # the zygote's own
    importlib.import_module("sitecustomize")


def _place(descriptors: Sequence[int], numbers: Sequence[int]) -> None:
    """Give the descriptors these numbers, and close all others."""
    above = max(*descriptors, *numbers) + 1
    copies = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, above) for descriptor in descriptors]
    for copy, number in zip(copies, numbers, strict=True):
        os.dup2(copy, number)
    for one, following in pairwise([*sorted(numbers), FIRST_UNUSED]):
        os.closerange(one + 1, following)


def _stream(number: int, mode: str, errors: str) -> TextIO:
    """A standard stream as Python opens it at its start."""
    buffering = 1 if number == 2 else -1
    stream = open(  # noqa: SIM115
        number, mode, buffering, encoding="utf-8", errors=errors, closefd=False
    )
    return cast(TextIO, stream)
