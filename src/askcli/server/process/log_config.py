"""Configuration of the server's log."""

from __future__ import annotations

import logging
from typing import Any


class WithoutQuery(logging.Filter):
    """Removes the query from paths in the access log: it may hold search words or a token."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Cut the path at its query; the record's arguments are uvicorn's."""
        if isinstance(record.args, tuple) and len(record.args) == 5:
            client, method, path, *rest = record.args
            record.args = (client, method, str(path).partition("?")[0], *rest)
        return True


def config() -> dict[str, Any]:
    """Return the configuration for logging.config.dictConfig."""
    line = {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": line},
        "filters": {"without_query": {"()": WithoutQuery}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "alembic": {"level": "WARNING"},
            "httpx2": {"level": "WARNING"},
            "uvicorn.access": {"filters": ["without_query"]},
        },
    }
