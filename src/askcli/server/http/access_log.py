"""The access log: a line for each request, written a few at a time.

Through `logging` a line costs a tenth of a request that reads a question, most of it for the record
and the write to stderr.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from askcli.server.http.served import QUIET_ROUTES, Served

DELAY_SECONDS = 0.05  # what a killed process may lose of it

_TIMES = {"text": "%Y-%m-%d %H:%M:%S", "json": "%Y-%m-%dT%H:%M:%S"}

Line = Callable[[Served, str, str], str]


class AccessLog:
    """Logs requests once their responses have ended."""

    def __init__(self, format_: str = "text", level: str = "info") -> None:
        """`format_` and `level` are those of the settings; requests are logged at `info`."""
        self.set_level(level)
        self._line: Line = _json_line if format_ == "json" else _text_line
        self._time_format = _TIMES[format_]
        self._clock = time.gmtime if format_ == "json" else time.localtime
        self._lines: list[str] = []
        self._second = 0
        self._prefix = ""  # of the lines of that second

    def set_level(self, level: str) -> None:
        """Log from this level on."""
        self._is_on = level in ("debug", "info")
        self._quiet = QUIET_ROUTES if level == "info" else frozenset[str]()

    def add(self, served: Served) -> None:
        """Log a request, unless it is one that watches the server, and has succeeded."""
        if not self._is_on or (served.route in self._quiet and served.status < 400):
            return
        second, fraction = divmod(time.time_ns() // 1_000_000, 1000)
        if second != self._second:
            self._second = second
            self._prefix = time.strftime(self._time_format, self._clock(second))
        if not self._lines:
            asyncio.get_running_loop().call_later(DELAY_SECONDS, self.flush)
        self._lines.append(self._line(served, self._prefix, f"{fraction:03}"))

    def flush(self) -> None:
        """Write the lines so far."""
        # First: where memory is too short to join them, later ones have a flush again.
        lines, self._lines = self._lines, []
        if sys.stderr is None:  # closed by whoever started the server
            return
        text = "".join(lines)
        with suppress(OSError, ValueError):  # as `logging` does where stderr is gone
            sys.stderr.write(text)
            sys.stderr.flush()


def _text_line(served: Served, second: str, fraction: str) -> str:
    """Return the line, without the query of its path, which may hold search words."""
    user, question = served.user_id, served.question_id
    return (
        f"{second},{fraction} INFO uvicorn.access: {served.client} - "
        f'"{served.method} {served.path} HTTP/{served.version}" {served.status} '
        f"{served.milliseconds:.1f}ms {served.size}B request_id={served.info.request_id}"
        f"{f' user_id={user}' if user else ''}{f' question_id={question}' if question else ''}\n"
    )


def _json_line(served: Served, second: str, fraction: str) -> str:
    """Return the line; its values have no character that JSON would have to escape."""
    user, question, route = served.user_id, served.question_id, served.route
    user = f'"{user}"' if user else "null"
    question = f'"{question}"' if question else "null"
    route = f'"{route}"' if route else "null"
    return (
        f'{{"time":"{second}.{fraction}Z","level":"info","logger":"askcli.access",'
        f'"message":"request","request_id":"{served.info.request_id}","user_id":{user},'
        f'"question_id":{question},"route":{route},"method":"{served.method}",'
        f'"status":{served.status},"ms":{served.milliseconds:.1f},"bytes":{served.size},'
        f'"client":"{served.client}"}}\n'
    )
