"""What the server logs, and what it leaves out."""

from __future__ import annotations

import logging
from typing import Any


class WithoutQuery(logging.Filter):
    """Leaves a request's query out of the access log: it may hold what somebody searched for, or
    a token that they put into the wrong place."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Cut the path at its query; the arguments are client, method, path, version, status."""
        if isinstance(record.args, tuple) and len(record.args) == 5:
            client, method, path, *rest = record.args
            record.args = (client, method, str(path).partition("?")[0], *rest)
        return True


def config() -> dict[str, Any]:
    """The configuration of the server's logging, as the standard library takes it."""
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
