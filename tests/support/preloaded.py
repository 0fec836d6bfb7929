"""The modules that a process imports before it forks commands."""

from __future__ import annotations

# Also what a command imports no sooner than it needs it: that was a third of a forked question's
# time, and a third of a server's start.
PRELOADED = (
    "askcli.__main__",
    "askcli.answerers.anthropic",
    "askcli.answerers.scripted",
    "askcli.cli.app",
    "askcli.cli.input.implied_command",
    "askcli.cli.output.live_region",
    "askcli.cli.output.markdown",
    "askcli.server.__main__",
    "askcli.services.admin",
    "askcli.store.database.bounded_connection",
    "alembic.command",
    "anthropic",
    "anthropic.types",
    "anyio._backends._asyncio",
    "dotenv.main",
    "encodings.idna",
    "fastapi.telemetry._runtime",
    "httpcore2",
    "importlib.readers",
    "psycopg",
    "rich.console",
    "rich.markdown",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "truststore",
    "typer._click.decorators",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvloop",
)
