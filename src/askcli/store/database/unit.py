"""A unit of work: a function of a connection, with its caller's context and a deadline."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Concatenate, Generic, ParamSpec, TypeVar

from sqlalchemy import Connection

from askcli.store import deadline
from askcli.store.database.failures import unavailable
from askcli.traces import spans

P = ParamSpec("P")
T = TypeVar("T")


class Unit(Generic[T]):
    """Work for one transaction.

    It may run more than once, where a transaction was rolled back that was not at fault: it has no
    effects besides those in the database.
    """

    def __init__(
        self,
        work: Callable[[Connection], T],
        seconds: float,
        *,
        is_long: bool = False,
        is_read: bool = False,
    ) -> None:
        """`seconds` is the time until its deadline; `is_long` that others do not wait for it.

        `is_read` is that it changes nothing, so that none of its failures leaves a doubt.
        """
        self._work = work
        self._context = contextvars.copy_context()  # the work may need the request's information
        self._context.run(deadline.start, seconds)
        self.is_long = is_long
        self.is_read = is_read
        self.has_begun = False

    def within(self, run: Callable[[Unit[T]], T]) -> T:
        """Return `run(unit)`, in this unit's context."""
        return self._context.run(run, self)

    def begin(self) -> None:
        """Note that it runs from now on. Raises DatabaseUnavailable when its time is over."""
        if self.is_over:
            raise unavailable("is too busy")
        self.has_begun = True

    def work(self, connection: Connection) -> T:
        """Do the work, in this unit's context. Raises DatabaseUnavailable when it was too long."""
        spans.current().event("begun")  # in its thread: until then it has waited for one
        result = self._work(connection)
        if deadline.has_passed():
            raise unavailable("is too slow")
        return result

    def run(self, connection: Connection) -> T:
        """Do the work on a connection that others use as well."""
        self.begin()
        return self._context.run(self.work, connection)

    @property
    def is_over(self) -> bool:
        """Whether its deadline has passed."""
        return self._context.run(deadline.has_passed)


Connect = Callable[[], AbstractContextManager[Connection]]
Work = Callable[[Connection], T]
RunUnit = Callable[[Unit[T]], Awaitable[T]]


def bound(
    work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
) -> Work[T]:
    """Return the work with its arguments, which takes the connection alone."""

    def run(connection: Connection) -> T:
        return work(connection, *args, **kwargs)

    run.__wrapped__ = work  # type: ignore[attr-defined]  # by which traces name it
    return run


class Disconnected(Exception):
    """The database had closed the connection before a COMMIT: the unit can run again."""


class Locked(Exception):
    """A lock was not free in time: the unit was rolled back, and can run again."""
