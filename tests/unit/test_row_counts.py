"""Counts of rows: where stderr takes nothing, the work that they are of goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from askcli.cli.output.terminal import row_counts
from askcli.cli.output.terminal.row_counts import RowCounts


def test_rows_are_counted_where_stderr_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_counts, "LINE_SECONDS", -1.0)
    with Path("/dev/full").open("w") as full, RowCounts() as counts:
        monkeypatch.setattr("sys.stderr", full)
        counts.begin(2)
        counts.update("copying users", 1)
        counts.update("copying users", 1)
