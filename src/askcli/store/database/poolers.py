"""Poolers of transactions before PostgreSQL, and what is only for connections of its own.

A pooler gives a connection to another client after each transaction. Nothing is prepared before it
is known that there is none: a client would run another one's statement by its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event

from askcli.store.database import failures

if TYPE_CHECKING:
    from sqlalchemy.engine import ExceptionContext

    from askcli.store.database.pipelined_connection import PipelinedConnection

PREPARES_NOTHING = {"prepare_threshold": None}  # psycopg's option of a new connection
PREPARED_AFTER = 5  # uses of a statement, as by psycopg's own default
_POOLER = "pooler"  # in what is noted of a connection that is adapted to one


def use_prepared(engine: Engine) -> None:
    """Let connections that are used from here on prepare statements: they are PostgreSQL's own."""
    event.listen(engine, "checkout", _use_prepared)  # once, however often
    event.listen(engine, "handle_error", _replace_stale)


def _use_prepared(connection: PipelinedConnection, record: Any, _proxy: Any) -> None:
    if _POOLER not in record.info:
        connection.prepare_threshold = PREPARED_AFTER


def _replace_stale(context: ExceptionContext) -> None:
    """Take connections for lost whose statements are stale: they would fail for ever.

    A unit that has found one runs again, on a new one.
    """
    if failures.is_stale(context.original_exception):
        context.is_disconnect = True


def use_pooler(engine: Engine) -> None:
    """Adapt connections that are used from here on to a pooler of transactions.

    It gives a connection to another client after each of them: that one would find the statements
    that are prepared, and this one what others listen to, which psycopg would keep.
    """
    event.listen(engine, "checkout", _use_pooler)  # once, however often


def _use_pooler(connection: PipelinedConnection, record: Any, _proxy: Any) -> None:
    connection.prepare_threshold = None
    if _POOLER not in record.info:
        record.info[_POOLER] = True
        connection.add_notify_handler(lambda _: None)
