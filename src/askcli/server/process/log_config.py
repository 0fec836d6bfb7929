"""Configuration of the server's log."""

from __future__ import annotations

from typing import Any


def config() -> dict[str, Any]:
    """Return the configuration for logging.config.dictConfig."""
    line = {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": line},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "alembic": {"level": "WARNING"},
            "httpx2": {"level": "WARNING"},
        },
    }
