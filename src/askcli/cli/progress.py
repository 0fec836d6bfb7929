"""How far a fetch is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TextIO

from askcli.cli import console

LINE_SECONDS = 10.0


class ByteProgress:
    """Shows bytes out of a total, with speed and time left."""

    def __init__(self, total: int, stream: TextIO) -> None:
        self._total = total
        self._terminal = stream.isatty()
        self._stack = ExitStack()
        self._start: tuple[float, int] | None = None
        self._said = 0.0

    def __enter__(self) -> ByteProgress:
        if self._terminal:
            self._open_bar()
        return self

    def _open_bar(self) -> None:
        # rich, because this is a terminal; a pipe never loads it
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._bar = self._stack.enter_context(Progress(*columns, console=Console(stderr=True)))
        self._task = self._bar.add_task("fetching", total=self._total)

    def update(self, done: int) -> None:
        """`done` bytes are here."""
        if self._terminal:
            self._bar.update(self._task, completed=done)
            return
        moment = time.monotonic()
        if self._start is None:
            self._start = (moment, done)
        elif moment - self._said > LINE_SECONDS or done == self._total:
            self._said = moment
            console.note(self._line(done, moment))

    def _line(self, done: int, moment: float) -> str:
        began, first = self._start or (moment, done)
        speed = max(1.0, (done - first) / max(0.001, moment - began))
        left = (self._total - done) / speed
        return (
            f"{done / 1e6:,.0f} of {self._total / 1e6:,.0f} MB, "
            f"{speed / 1e6:,.1f} MB/s, {left:.0f} s left"
        )

    def __exit__(self, *_: object) -> None:
        self._stack.close()
