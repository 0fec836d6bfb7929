"""Whether a database takes changes, as far as its units of work have shown."""

from __future__ import annotations

import time

from sqlalchemy import Engine

from askcli.store.database import failures
from askcli.store.database.reopening import Reopening

CHECK_SECONDS = 10.0  # for which a write that has succeeded shows that others will


class Writing:
    """What is known of it; connections that cannot write are opened anew."""

    def __init__(self, engine: Engine) -> None:
        self.connections = Reopening(engine)
        self._checked_at: float | None = None  # since the last failure

    @property
    def is_to_be_checked(self) -> bool:
        """Whether a write has failed, or none was checked for a while."""
        at = self._checked_at
        return at is None or time.monotonic() - at > CHECK_SECONDS

    def succeeded(self) -> None:
        """Note that something was certainly written."""
        self._checked_at = time.monotonic()

    def failed(self, error: Exception, *, may_renew: bool) -> None:
        """Note that nothing was; `may_renew` is whether the files of SQLite's log are there."""
        self._checked_at = None
        if may_renew and failures.is_opened_read_only(error.__cause__):
            self.renew()

    def renew(self) -> None:
        """Open connections anew, not all the time: they may lead to a file or server that writes.

        Such as to the primary, where the one of before has become a standby.
        """
        self.connections.reopen()
