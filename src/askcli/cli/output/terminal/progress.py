"""Progress: a bar on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import io
import sys
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, TextIO

from askcli.cli.output.terminal import console, outgoing, transient
from askcli.errors import Failed

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from rich.progress import ProgressColumn

LINE_SECONDS = 10.0


class _Drawn(io.RawIOBase):
    """What is drawn on a terminal, and lost where that is closed or takes nothing.

    Below the stream's own buffer, in which it would stay and fail what is written next.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream.isatty()

    def write(self, data: ReadableBuffer, /) -> int:
        """Write what the terminal takes without a wait; the rest is taken for written."""
        with suppress(OSError):
            if transient.may_be_drawn(self._stream):
                outgoing.write_some(self._stream, data)
        return memoryview(data).nbytes


def note(text: str) -> None:
    """Write a line to stderr, or drop it where that takes none: the work goes on."""
    with suppress(Failed, SystemExit):  # SystemExit: of a pipe whose reader has gone
        console.note(text)


class Bar(transient.Transient):
    """A progress bar on a terminal; it loads rich, which output to a pipe never needs."""

    def __init__(self, stack: ExitStack, label: str, total: int, *columns: ProgressColumn) -> None:
        from rich.console import Console
        from rich.progress import Progress

        class VisibleCursor(Console):
            """A console that never hides the cursor: a signal may end the process at any time."""

            def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002
                return False

        transient.put(self)
        stack.callback(transient.clear)
        file = io.TextIOWrapper(
            io.BufferedWriter(_Drawn(sys.stderr)), sys.stderr.encoding, sys.stderr.errors
        )
        # By default rich redirects stdout too, which is where the data goes.
        progress = Progress(
            *columns,
            console=VisibleCursor(file=file),
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self.bar = stack.enter_context(progress)
        self.task = self.bar.add_task(label, total=total)

    def update(self, **fields: Any) -> None:
        """Update the task's fields."""
        transient.put(self)  # again, as output takes it away
        self.bar.update(self.task, **fields)

    def leave(self) -> None:
        """Keep the bar, and leave the cursor in the line below it."""
        transient.next_line(sys.stderr.fileno())


class ByteProgress:
    """Shows bytes out of a total, with speed and time left."""

    def __init__(self, total: int, stream: TextIO | None) -> None:
        self._total = total
        self._terminal = stream is not None and stream.isatty()
        self._stack = ExitStack()
        self._start: tuple[float, int] | None = None
        self._reported_at = 0.0

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
        """Show that `done` bytes have been received."""
        if self._terminal:
            self._bar.update(completed=done)
            return
        now = time.monotonic()
        if self._start is None:
            self._start, self._reported_at = (now, done), now
        elif now - self._reported_at > LINE_SECONDS or done == self._total:
            self._reported_at = now
            note(self._line(done, now))

    def _line(self, done: int, now: float) -> str:
        began, first = self._start or (now, done)
        speed = max(1.0, (done - first) / max(0.001, now - began))
        remaining = (self._total - done) / speed
        return (
            f"{done / 1e6:,.0f} of {self._total / 1e6:,.0f} MB, "
            f"{speed / 1e6:,.1f} MB/s, {remaining:.0f} s left"
        )

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class RowProgress:
    """Shows rows out of a total, with rate, cost and time left."""

    def __init__(self, total: int, *, is_quiet: bool) -> None:
        self._total = total
        # On a terminal the answers themselves show the progress.
        self._is_quiet = is_quiet or console.is_terminal()
        self._terminal = not self._is_quiet and sys.stderr is not None and sys.stderr.isatty()
        self._stack = ExitStack()
        self._done = self._failed = 0
        self._cost = 0.0
        self._began = self._reported_at = time.monotonic()

    def __enter__(self) -> RowProgress:
        if self._terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
            self._bar = Bar(self._stack, "", self._total, *columns)
        return self

    def write(self, text: str) -> None:
        """Write a notice above the bar."""
        if self._terminal:
            self._bar.bar.console.print(
                console.visible(text), markup=False, emoji=False, highlight=False
            )
        elif not self._is_quiet:
            note(text)

    def update(self, cost: float | None, *, has_failed: bool = False) -> None:
        """Count a row and its cost in dollars."""
        self._done += 1
        self._failed += has_failed
        self._cost += cost or 0.0
        now = time.monotonic()
        if self._terminal:
            self._bar.update(completed=self._done, description=self._summary(now))
        elif not self._is_quiet and (
            now - self._reported_at > LINE_SECONDS or self._done == self._total
        ):
            self._reported_at = now
            note(f"{self._done:,} of {self._total:,} rows, {self._summary(now)}")

    def _summary(self, now: float) -> str:
        rate = self._done / max(0.001, now - self._began)
        remaining = (self._total - self._done) / rate
        failed = f", {self._failed:,} failed" if self._failed else ""
        return f"{rate:,.1f} rows/s, ${self._cost:,.4f}{failed}, {remaining:,.0f} s left"

    def __exit__(self, *_: object) -> None:
        self._stack.close()
