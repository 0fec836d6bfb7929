"""Servers that cannot serve just now."""

from __future__ import annotations

from askcli.errors.base import AskcliError


class Unavailable(AskcliError):
    code, title, status = "unavailable", "The service is not available", 503


class DatabaseUnavailable(Unavailable):
    code, title = "database_unavailable", "The database is not available"


class ShuttingDown(Unavailable):
    code, title = "shutting_down", "The server is stopping"
    default = "The server is stopping; try again shortly."
