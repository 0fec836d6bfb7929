"""Progress of work on many rows: a bar on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack

from askcli.cli.output.terminal.progress import LINE_SECONDS, Bar, note

DRAW_SECONDS = 0.1


class RowCounts:
    """Shows what is done to which rows, and how many of all are done."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._bar: Bar | None = None
        self._total = self._done = 0
        self._shown_at = time.monotonic()

    def __enter__(self) -> RowCounts:
        return self

    def begin(self, total: int) -> None:
        """Begin with the number of rows to be done."""
        self._total = total
        if sys.stderr is not None and sys.stderr.isatty():
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                TextColumn,
                TimeRemainingColumn,
            )

            columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            self._bar = Bar(self._stack, "", total, *columns, TextColumn("{task.description}"))

    def update(self, work: str, rows: int) -> None:
        """Count rows, to which this was done."""
        self._done += rows
        now = time.monotonic()
        is_due = now - self._shown_at > (DRAW_SECONDS if self._bar else LINE_SECONDS)
        if not is_due and self._done < self._total:
            return
        self._shown_at = now
        if self._bar:
            self._bar.update(completed=self._done, description=work)
        elif is_due:
            note(f"{self._done:,} of {self._total:,} rows, {work}")

    def __exit__(self, *_: object) -> None:
        self._stack.close()
