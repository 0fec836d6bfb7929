"""What a process loads before it forks commands."""

from __future__ import annotations

import importlib
import os
import ssl

from askcli.answerers.lazy_packages import load_lazily

# Also what a command imports no sooner than it needs it: that was a third of a forked question's
# time, and a third of a server's start.
PRELOADED = (
    "askcli.__main__",
    "askcli.answerers.anthropic",
    "askcli.answerers.messages_api.requests",
    "askcli.answerers.scripted",
    "askcli.cli.app",
    "askcli.cli.input.implied_command",
    "askcli.cli.output.terminal.live_region",
    "askcli.cli.output.markdown.printing",
    "askcli.server.__main__",
    "askcli.services.admin",
    "askcli.store.database.pipelined_connection",
    "alembic.command",
    "anyio._backends._asyncio",
    "dotenv.main",
    "encodings.idna",
    "fastapi.telemetry._runtime",
    "httpcore2",
    "importlib.readers",
    "prometheus_client.multiprocess",
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


def load() -> None:
    """Import the modules, and load what takes most of the time of a server's start after that."""
    load_lazily("anthropic")
    for name in PRELOADED:
        importlib.import_module(name)
    _load_certificates()


def _load_certificates() -> None:
    """Load those of this machine, which takes 30 ms, for the first HTTP client of each fork.

    Which ones they are depends on two variables alone.
    """
    import httpcore2

    original, contexts = httpcore2.default_ssl_context, [httpcore2.default_ssl_context()]

    def default_ssl_context(*, _trust_env: bool = True) -> ssl.SSLContext:
        has_others = _trust_env and {"SSL_CERT_FILE", "SSL_CERT_DIR"} & os.environ.keys()
        if has_others or not contexts:
            return original(_trust_env=_trust_env)
        return contexts.pop()

    httpcore2.default_ssl_context = default_ssl_context
