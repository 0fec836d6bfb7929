"""Configuration of the server's log."""

from __future__ import annotations

import logging
import logging.config
import sys
from typing import Any

from askcli.server.process.log_formats import JsonFormatter, TextFormatter
from askcli.server.process.log_output import LogOutput
from askcli.settings import Settings
from askcli.traces.notices import Notices


def install(settings: Settings) -> None:
    """Log to stderr from now on, in the settings' format and from their level on.

    Notices are written whatever that level is.
    """
    logging.config.dictConfig(config(settings))
    notices = logging.getLogger("askcli.notices")
    if notices.level == logging.NOTSET:  # no command has set another: a worker, or the local server
        notices.setLevel(logging.INFO)
    output = getattr(sys.stderr, "buffer", None)
    if settings.log == "json" and isinstance(output, LogOutput):
        output.describe_loss = JsonFormatter().of_loss


def config(settings: Settings) -> dict[str, Any]:
    """Return the configuration for logging.config.dictConfig."""
    is_json = settings.log == "json"
    loggers: dict[str, Any] = {"opentelemetry": {"handlers": ["traces"], "propagate": False}}
    if is_json:  # all lines are of one format; as text, those of a command are plain lines
        notices = {"handlers": ["stderr"], "level": "INFO", "propagate": False}
        loggers |= {"askcli.notices": notices}
    handler = {"class": "logging.StreamHandler", "formatter": "line", "filters": ["own"]}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": JsonFormatter if is_json else TextFormatter}},
        "filters": {"own": {"()": lambda: _is_loggable}},
        "handlers": {"stderr": handler, "traces": {"()": Notices}},
        "root": {"handlers": ["stderr"], "level": settings.log_level.upper()},
        "loggers": loggers,
    }


def _is_loggable(record: logging.LogRecord) -> bool:
    """Whether a record may be logged: the SDK's and its HTTP client's quote what they send."""
    is_own = record.name.partition(".")[0] in ("askcli", "uvicorn", "asyncio", "root")
    return is_own or record.levelno >= logging.WARNING
