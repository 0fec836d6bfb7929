"""The directory in which the workers of a server share their metrics."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from askcli.files import leftovers

log = logging.getLogger("askcli.notices")

_PREFIX = "askcli-metrics-"


@contextmanager
def directory() -> Iterator[Path | None]:
    """Make the directory, and remove it at the end; None without room.

    And remove those of servers that were killed.
    """
    with ExitStack() as stack:
        try:
            leftovers.remove_directories(_PREFIX)
            made = TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
            path: Path | None = Path(stack.enter_context(made))
            stack.enter_context(leftovers.in_use(made.name))
        except OSError as error:
            log.warning("Each worker counts its metrics alone: %s.", error.strerror)
            path = None
        yield path
