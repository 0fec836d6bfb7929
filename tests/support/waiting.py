"""Waiting for a condition, or for a server's next look."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from askcli.server.process.database_files import REQUEST_SECONDS

T = TypeVar("T")


def until_files_are_looked_at() -> None:
    """Wait until a request lets its server look at the files of its database again."""
    time.sleep(REQUEST_SECONDS)


def eventually(condition: Callable[[], T], seconds: float = 60) -> T:
    """Poll until the condition is true, ever more seldom; returns its value."""
    deadline, pause = time.monotonic() + seconds, 0.01
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(pause)
        pause = min(pause * 1.2, 0.1)
    return value
