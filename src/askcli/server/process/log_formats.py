"""Formats of the log's lines: text for people, JSON for programs.

A record's `fields`, given as `extra`, are named values: what happened in the message, to what in
the fields.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Mapping
from typing import Any

from askcli.services import request_info

_PLAIN = re.compile(r"[A-Za-z0-9_.:/+-]{1,200}", re.ASCII)
MAX_VALUE_CHARACTERS = 200
# All but the tab and the line feed: the log may be read at a terminal.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(9), *range(0x0B, 0x20), *range(0x7F, 0xA0))}


class TextFormatter(logging.Formatter):
    """A line of text; a traceback follows in lines of its own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; control characters, which a name of a file may have, are escaped."""
        return super().format(record).translate(_CONTROLS)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own
        """Return the line without a traceback."""
        values = ((name, value) for name, value in _fields(record).items() if value is not None)
        pairs = [f" {name}={_text(value)}" for name, value in values]
        return super().formatMessage(record) + "".join(pairs)


class JsonFormatter(logging.Formatter):
    """A JSON object in one line, its traceback too."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = _head(record.created, record.levelname, record.name, record.getMessage())
        if (info := request_info.current_or_none()) is not None:
            line["request_id"] = info.request_id
        line |= {name: _bounded(value) for name, value in _fields(record).items()}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)

    def of_loss(self, count: int) -> bytes:
        """Return the line about so many lines that were dropped."""
        line = _head(time.time(), "WARNING", "askcli.log", f"{count} lines of the log were dropped")
        return json.dumps(line).encode() + b"\n"


def _head(created: float, level: str, logger: str, message: str) -> dict[str, Any]:
    second, millisecond = divmod(int(created * 1000), 1000)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
    head = {"time": f"{moment}.{millisecond:03}Z", "level": level.lower()}
    return head | {"logger": logger, "message": message}


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = getattr(record, "fields", {})
    return fields


def _bounded(value: Any) -> Any:
    return value[:MAX_VALUE_CHARACTERS] if isinstance(value, str) else value


def _text(value: Any) -> str:
    """Return the value as text that is one word, or quoted."""
    text = str(_bounded(value))
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
