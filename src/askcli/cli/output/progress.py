"""How far something long is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TextIO

from askcli.cli.output import console, transient

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

LINE_SECONDS = 10.0


class Bar:
    """A bar at a terminal; it loads rich, which a pipe never does."""

    def __init__(self, stack: ExitStack, label: str, total: int, *columns: ProgressColumn) -> None:
        from rich.console import Console
        from rich.progress import Progress

        transient.clear()
        # Rich redirects stdout, too, unless it is told not to: that is where the data goes.
        progress = Progress(
            *columns,
            console=Console(stderr=True),
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self.bar = stack.enter_context(progress)
        self.task = self.bar.add_task(label, total=total)

    def update(self, **told: Any) -> None:
        """Show this much."""
        self.bar.update(self.task, **told)


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
            from rich.progress import (
                BarColumn,
                DownloadColumn,
                TimeRemainingColumn,
                TransferSpeedColumn,
            )

            columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
            self._bar = Bar(self._stack, "fetching", self._total, *columns)
        return self

    def update(self, done: int) -> None:
        """`done` bytes are here."""
        if self._terminal:
            self._bar.update(completed=done)
            return
        moment = time.monotonic()
        if self._start is None:
            self._start, self._said = (moment, done), moment
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


class RowProgress:
    """Shows rows out of a total, with rate, cost and time left."""

    def __init__(self, total: int, *, is_quiet: bool) -> None:
        self._total = total
        # Where the answers themselves pass by, they are progress enough.
        self._is_quiet = is_quiet or console.is_terminal()
        self._terminal = not self._is_quiet and sys.stderr is not None and sys.stderr.isatty()
        self._stack = ExitStack()
        self._done = self._failed = 0
        self._cost = 0.0
        self._began = self._said = time.monotonic()

    def __enter__(self) -> RowProgress:
        if self._terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
            self._bar = Bar(self._stack, "", self._total, *columns)
        return self

    def tell(self, text: str) -> None:
        """A notice, beside the bar."""
        if self._terminal:
            self._bar.bar.console.print(console.harmless(text), markup=False, highlight=False)
        elif not self._is_quiet:
            console.note(text)

    def update(self, cost: float | None, *, has_failed: bool = False) -> None:
        """One row more is done, for so many dollars."""
        self._done += 1
        self._failed += has_failed
        self._cost += cost or 0.0
        moment = time.monotonic()
        if self._terminal:
            self._bar.update(completed=self._done, description=self._told(moment))
        elif not self._is_quiet and (
            moment - self._said > LINE_SECONDS or self._done == self._total
        ):
            self._said = moment
            console.note(f"{self._done:,} of {self._total:,} rows, {self._told(moment)}")

    def _told(self, moment: float) -> str:
        rate = self._done / max(0.001, moment - self._began)
        left = (self._total - self._done) / rate
        failed = f", {self._failed:,} failed" if self._failed else ""
        return f"{rate:,.1f} rows/s, ${self._cost:,.4f}{failed}, {left:,.0f} s left"

    def __exit__(self, *_: object) -> None:
        self._stack.close()
