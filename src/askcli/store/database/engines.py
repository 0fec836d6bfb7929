"""SQLAlchemy engines for SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from askcli.errors import Misused
from askcli.files import private_directory
from askcli.files.pid_file import file_identity
from askcli.store import deadline
from askcli.store.database import poolers, sqlite_files

if TYPE_CHECKING:
    from askcli.store.database.pipelined_connection import PipelinedConnection

READERS = 8
# Of them, woken at once: those of PostgreSQL mostly wait for it, those of SQLite compute.
EAGER = {"postgresql": 4, "sqlite": 1}
WAITERS = 4  # on PostgreSQL by default, for units that wait for a lock
CONNECTIONS = READERS + WAITERS + 1  # of a process to PostgreSQL; the last one listens
BUSY_SECONDS = 5

# Of connections that only read, without a transaction: each statement sees what is committed.
READING: dict[str, dict[str, Any]] = {
    "sqlite": {"sqlite_begin": ""},
    "postgresql": {"isolation_level": "AUTOCOMMIT"},
}
INSTRUCTIONS_PER_CHECK = 10_000  # of SQLite's machine, between two looks at the deadline

# PostgreSQL's own time-outs, in milliseconds. A unit that waits longer for a lock is rolled back
# and runs again elsewhere; a statement whose unit is over does not go on for long; a transaction
# whose server was killed, paused or cut off, and whose unit is over, keeps its locks no longer.
TIMEOUTS = {
    "lock_timeout": 100,
    "statement_timeout": 4_000,
    "idle_in_transaction_session_timeout": 5_000,
}

# Said with each BEGIN, so that it holds through a pooler of transactions. After the wait for a lock
# a statement sees what has been committed meanwhile, on which quotas and limits depend.
ISOLATION_LEVEL: Literal["READ COMMITTED"] = "READ COMMITTED"

# What the driver reads and the API shows, whatever a database's own defaults are. A pooler of
# transactions keeps these for its client, except the last, of which no quota depends.
FORMATS = {"DateStyle": "'ISO'", "TimeZone": "'UTC'", "extra_float_digits": 1}

# For reads without a BEGIN: a standby refuses every statement that is `serializable`.
READS_AT = {"default_transaction_isolation": f"'{ISOLATION_LEVEL}'"}

# What is acknowledged survives a crash of PostgreSQL, whatever a database's own default is. All
# values but this one wait for its disk at least.
DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'"
)

# For PostgreSQL to notice a server that is gone without having closed its connections. They have
# no effect on Unix sockets.
SERVER_KEEPALIVES = {
    "tcp_keepalives_idle": 10,  # seconds
    "tcp_keepalives_interval": 3,
    "tcp_keepalives_count": 2,
    "tcp_user_timeout": 3_000,  # milliseconds
}

# The encoding, which would be that of the database; and to notice a server or a network that is
# gone: also on idle connections, before they are used.
CONNECT_OPTIONS = {
    "client_encoding": "UTF8",
    "connect_timeout": 2,  # libpq's least
    "tcp_user_timeout": 3_000,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 2,
}


def save_log(engine: Engine) -> None:
    """Move what is in SQLite's log into the file, by a connection that has the log open.

    SQLite does so when the last process closes the database, unless another one closes it at that
    moment or is killed: a log whose files were deleted would be lost then.
    """
    if isinstance(engine.pool, QueuePool) and engine.pool.checkedin():
        with suppress(DBAPIError), engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(FULL)")


def threads(dialect: str, connections: int) -> tuple[int, int]:
    """Return how many threads read, and how many wait for locks; one connection listens."""
    if dialect == "sqlite":
        return READERS, WAITERS
    waiters = max(1, (connections - 1) // 3)
    return connections - 1 - waiters, waiters


def create(url: URL, connections: int, password: Callable[[], Any]) -> Engine:
    """Return an engine for the database; `password` returns the one for a new connection."""
    is_sqlite = url.get_backend_name() == "sqlite"
    return sqlite(url) if is_sqlite else postgresql(url, connections - 1, password)


def sqlite(url: URL) -> Engine:
    """Return an engine for SQLite with WAL, foreign keys, full synchronization, a private file."""
    path = Path(url.database or "")
    is_file = url.database and url.database != ":memory:"
    if not is_file or (sqlite_files.exists(path) and path.is_dir()):
        raise Misused("DB_CONN_STRING must name a file for SQLite: sqlite:///path/to/file.db.")
    if not path.parent.exists():
        private_directory(path.parent)
    engine = create_engine(
        url,
        pool_size=READERS + 1,
        connect_args={"timeout": BUSY_SECONDS},
        hide_parameters=True,  # in errors, which are logged
    )

    identity = None

    @event.listens_for(engine, "do_connect")
    def create(*_: Any) -> None:
        nonlocal identity
        # SQLite would create another one, empty, or join another one with the log of this one.
        if identity is not None and file_identity(path) != identity:
            raise sqlite3.OperationalError("the database file was deleted or replaced")
        sqlite_files.create(path)
        identity = file_identity(path)

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: Any) -> None:
        _configure(connection)

    event.listen(engine, "begin", _begin)
    return engine


def beginning(engine: Engine) -> Mapping[str, Engine]:
    """Return the engine by how it begins transactions, which is SQLite's alone to say."""
    statements = "BEGIN", "BEGIN IMMEDIATE"
    if engine.dialect.name != "sqlite":  # without options: the events of both would be joined
        return dict.fromkeys(statements, engine)
    return {begin: engine.execution_options(sqlite_begin=begin) for begin in statements}


def _begin(connection: Connection) -> None:
    """Begin a transaction as the connection's options say, or none.

    By the driver itself: SQLAlchemy takes longer for it than for the rest of a short transaction.
    """
    if statement := connection.get_execution_options().get("sqlite_begin", "BEGIN"):
        sqlite: Any = connection.connection.dbapi_connection
        try:
            sqlite.execute(statement)
        except sqlite3.Error as error:
            connection._handle_dbapi_exception(error, statement, (), None, None)


def _configure(connection: sqlite3.Connection) -> None:
    connection.isolation_level = None  # BEGIN is issued by the engine
    try:
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()  # the pool does not, and the error refers to it
        raise
    connection.set_progress_handler(deadline.has_passed, INSTRUCTIONS_PER_CHECK)


def postgresql(url: URL, size: int, password: Callable[[], Any]) -> Engine:
    """Return an engine for PostgreSQL with a pool of this size.

    A dead connection is found by the first unit that uses it, which then runs again, and not by a
    round trip before each unit.

    Nothing is waited for beyond the deadline of the unit of work. Where there is none, as in
    migrations and the host's commands, PostgreSQL's time-outs do not apply either.
    """
    # psycopg, not for SQLite
    from askcli.store.database.pipelined_connection import PipelinedConnection

    engine = create_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=2,
        hide_parameters=True,  # in errors, which are logged
        connect_args=CONNECT_OPTIONS | poolers.PREPARES_NOTHING,
        isolation_level=ISOLATION_LEVEL,
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, args: list[Any], keywords: dict[str, Any]) -> Any:
        return PipelinedConnection.connect(*args, **keywords | {"password": password()})

    @event.listens_for(engine, "connect")
    def configure(connection: PipelinedConnection, _record: Any) -> None:
        connection.execute(_configuration())
        connection.commit()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if deadline.remaining() is None:
            for name in TIMEOUTS:
                connection.exec_driver_sql(f"SET LOCAL {name} = 0")

    return engine


def _configuration() -> str:
    """Return what a new connection runs; not libpq's `options`, which PgBouncer refuses."""
    values = FORMATS | READS_AT | TIMEOUTS | SERVER_KEEPALIVES
    return "; ".join([*(f"SET {name} = {value}" for name, value in values.items()), DURABLE])
