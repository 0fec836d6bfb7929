"""The check of a request's caller, which the request's first unit of work makes before its work.

In the same transaction, so that it costs no trip to the database of its own. A context variable,
so that no unit of work of a request can leave it out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TypeVar

from sqlalchemy import Connection

from askcli.errors import DatabaseUnavailable
from askcli.store.database import failures

T = TypeVar("T")


class Unsettled(Exception):
    """The caller may make the request once something is stored, which `settle` does."""


class Admission:
    """The check of one request's caller, until it was made.

    `failure` is the error of the last attempt at it, and for the request: it is not tried twice.
    """

    def __init__(
        self,
        check: Callable[[Connection], None],
        settle: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`check` raises the error of a caller who may not make the request, or Unsettled.

        `settle` stores what an unsettled caller needs, in a unit of work of its own; None for a
        check that raises no Unsettled. Where it is not certain to be stored, nothing is of the
        request itself.
        """
        self._check = check
        self._settle = settle
        self.is_pending = True
        self.failure: Exception | None = None
        self._is_settled = False

    def before(self, work: Callable[[Connection], T]) -> Callable[[Connection], T]:
        """Return the work of a unit with the check before it."""

        def checked(connection: Connection) -> T:
            try:
                self._check(connection)
            except Unsettled:
                # Once settled, what it needs is stored, whatever another has stored since.
                if not self._is_settled:
                    raise
            self.is_pending = False
            return work(connection)

        checked.__wrapped__ = work  # type: ignore[attr-defined]  # by which traces name it
        return checked

    async def admit(self, run: Callable[[], Awaitable[T]]) -> T:
        """Return `run()`, which runs a unit with the check before it, twice for the unsettled."""
        try:
            try:
                return await run()
            except Unsettled:
                await self._settled()
                return await run()
        except Exception as error:
            self.failure = error
            raise

    async def _settled(self) -> None:
        bind(None)  # the unit makes the check itself
        try:
            if self._settle is not None:
                await self._settle()
            self._is_settled = True
        except DatabaseUnavailable as error:
            raise failures.unavailable("is not available just now") from error
        finally:
            bind(self)


_current: ContextVar[Admission | None] = ContextVar("admission", default=None)


def bind(admission: Admission | None) -> None:
    """Make it that of this context's request; None for a request without a caller."""
    _current.set(admission)


def pending() -> Admission | None:
    """Return the admission of the current request, None where there is nothing to check."""
    admission = _current.get()
    return admission if admission is not None and admission.is_pending else None


def renew() -> None:
    """Let the next unit of work of the current request check its caller again, after a wait."""
    admission = _current.get()
    if admission is not None:
        admission.is_pending = True
