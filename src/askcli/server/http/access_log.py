"""The access log: a line for each response, written a few at a time.

Through `logging` a line costs a tenth of a request that reads a question, most of it for the record
and the write to stderr.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress

DELAY_SECONDS = 0.05  # what a killed process may lose of it


class AccessLog:
    """Stands for uvicorn's logger; without the query of paths, which may hold search words."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._second = 0
        self._prefix = ""  # of the lines of that second

    def info(self, _format: str, client: str, method: str, path: str, *rest: str | int) -> None:
        """Log a response; the arguments are uvicorn's."""
        milliseconds = time.time_ns() // 1_000_000
        second, fraction = divmod(milliseconds, 1000)
        if second != self._second:
            self._second = second
            self._prefix = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        version, status = rest
        if not self._lines:
            asyncio.get_running_loop().call_later(DELAY_SECONDS, self.flush)
        self._lines.append(
            f"{self._prefix},{fraction:03} INFO uvicorn.access: "
            f'{client} - "{method} {path.partition("?")[0]} HTTP/{version}" {status}\n'
        )

    def flush(self) -> None:
        """Write the lines so far."""
        # First: where memory is too short to join them, later ones have a flush again.
        lines, self._lines = self._lines, []
        text = "".join(lines)
        with suppress(OSError, ValueError):  # as `logging` does where stderr is gone
            sys.stderr.write(text)
            sys.stderr.flush()
