"""Servers that cannot serve just now."""

from __future__ import annotations

from typing import Any

from askcli.errors.base import AskcliError


class Unavailable(AskcliError):
    code, title, status = "unavailable", "The service is not available", 503


class DatabaseUnavailable(Unavailable):
    code, title = "database_unavailable", "The database is not available"

    def __init__(self, detail: str = "", *, may_be_done: bool = False, **fields: Any) -> None:
        """`may_be_done` is whether the transaction may have been committed all the same."""
        super().__init__(detail, **fields)
        self.may_be_done = may_be_done


class ShuttingDown(Unavailable):
    code, title = "shutting_down", "The server is stopping"
    default = "The server is stopping; try again shortly."
