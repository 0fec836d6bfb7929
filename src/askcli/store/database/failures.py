"""What a failure of the database means for a unit of work: why, and whether it may be done."""

from __future__ import annotations

import logging
import sqlite3

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from askcli.errors import DatabaseUnavailable

RETRY_AFTER_SECONDS = 2

log = logging.getLogger("askcli.store")

# PostgreSQL's, whose messages may be in any language.
_SQLSTATES = {
    "25006": "takes no changes: it is a standby, or set to be only read",
    "42501": "refuses the server's user a right: the server's log names the table",
    "53100": "has no disk space left",
    "53300": "has no connection left (its max_connections)",
    "55P03": "is locked by another transaction",
    "57014": "is too slow",
}

# Of a statement that is prepared: the types of its results have changed since (ALTER TABLE), or
# the connection has forgotten it, or has one by its name.
_STALE = ("0A000", "26000", "42P05")

_REASONS = {
    "disk is full": "has no disk space left",
    "disk I/O error": "cannot use its disk",
    "readonly": "cannot be written: it is read-only",
    "database is locked": "is locked by another process",
    "too many clients": _SQLSTATES["53300"],  # a connection that is refused has no SQLSTATE
    "too many connections": "has no connection left for this user or database (a CONNECTION LIMIT)",
    "remaining connection slots": _SQLSTATES["53300"],
    "interrupted": "is too slow",
}

# SQLite's errors with which a COMMIT has changed nothing. After another, such as a failed fsync,
# the change may be found in the log when the database is opened again.
_UNDONE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY)

_DATABASE_ERRORS = (DBAPIError, PoolTimeout)


def unavailable(reason: str, *, may_be_done: bool = False) -> DatabaseUnavailable:
    """Return the error of a unit that the database has not done, as far as it is known."""
    outcome = "the change may have been made" if may_be_done else "nothing was changed"
    return DatabaseUnavailable(
        f"The database {reason}; {outcome}. Try again shortly.",
        may_be_done=may_be_done,
        retry_after=RETRY_AFTER_SECONDS,
    )


def no_thread() -> DatabaseUnavailable:
    """Return the error of a unit for which not one thread can be started."""
    return unavailable("cannot be used: no thread can be started")


def no_answer(*, may_be_done: bool = True) -> DatabaseUnavailable:
    """Return the error of a unit that has begun and does not end."""
    log.warning("the database does not answer")
    return DatabaseUnavailable(
        "The database does not answer. Try again shortly.",
        may_be_done=may_be_done,
        retry_after=RETRY_AFTER_SECONDS,
    )


def failure(error: BaseException, *, may_be_done: bool) -> BaseException:
    """Return what a unit raises where its transaction has ended with this error.

    The error itself, unless the database is unavailable rather than a statement wrong.
    """
    if not isinstance(error, _DATABASE_ERRORS) or _is_our_fault(error):
        return error
    log.warning("the database failed: %s", str(error).splitlines()[0])
    unavailable_ = unavailable(_reason(error), may_be_done=may_be_done)
    unavailable_.__cause__ = error
    return unavailable_


def is_undone(error: BaseException) -> bool:
    """Whether a COMMIT that has failed with this error has changed nothing.

    Of PostgreSQL's, where the error is of a statement that was sent with it.
    """
    if getattr(getattr(error, "orig", None), "is_undone", False):
        return True
    return _sqlite_code(error) & 0xFF in _UNDONE  # without the extension


def is_opened_read_only(error: BaseException | None) -> bool:
    """Whether the connection can only read: another one, opened now, may be able to write.

    That of a PostgreSQL leads to a standby. SQLite could only read the file, or those of its log.
    The connections of a process share the files of the log until the last one is closed. Not when
    the file was deleted since: SQLite would delete its log with the last connection.
    """
    if _sqlstate(error) == "25006":
        return True
    code = _sqlite_code(error)
    return code & 0xFF == sqlite3.SQLITE_READONLY and code != sqlite3.SQLITE_READONLY_DBMOVED


def is_locked(error: BaseException) -> bool:
    """Whether PostgreSQL's lock_timeout has ended the wait."""
    return _sqlstate(error) == "55P03"


def is_stale(error: BaseException) -> bool:
    """Whether PostgreSQL has refused a statement for how it was prepared; of the driver's error."""
    return getattr(error, "sqlstate", None) in _STALE


def _sqlstate(error: BaseException | None) -> str | None:
    state: str | None = getattr(getattr(error, "orig", None), "sqlstate", None)
    return state


def _sqlite_code(error: BaseException | None) -> int:
    code: int = getattr(getattr(error, "orig", None), "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code


def is_disconnection(error: BaseException) -> bool:
    """Whether the connection was found to be closed."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _reason(error: BaseException) -> str:
    if reason := _SQLSTATES.get(_sqlstate(error) or ""):
        return reason
    for words, reason in _REASONS.items():
        if words in str(error):
            return reason
    return "is not available just now"


def _is_our_fault(error: BaseException) -> bool:
    """Whether a constraint or a statement is wrong, rather than the database unavailable."""
    if is_disconnection(error) or _sqlstate(error) in _SQLSTATES:
        return False
    return type(error).__name__ in ("IntegrityError", "DataError", "ProgrammingError")
