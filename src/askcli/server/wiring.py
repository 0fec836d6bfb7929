"""The one place where settings become services."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from askcli.answerers import choose
from askcli.answerers.base import Answerer
from askcli.services import tokens
from askcli.services.accounts import Accounts
from askcli.services.answering import Answering
from askcli.services.orphans import Orphans
from askcli.services.passwords import Passwords
from askcli.services.patience import Patience
from askcli.services.questions import Questions
from askcli.services.runs import Runs
from askcli.services.sessions import Sessions
from askcli.services.turns import Turns
from askcli.settings import Settings
from askcli.store.database import Database


@dataclass(frozen=True, slots=True)
class Services:
    """All that a server needs, made but not started."""

    database: Database
    answerer: Answerer
    accounts: Accounts
    sessions: Sessions
    questions: Questions
    runs: Runs
    turns: Turns
    orphans: Orphans
    passwords: Passwords

    async def close(self) -> None:
        """Store what is still running as far as it came, then let go of everything."""
        await self.runs.drain(0)
        await self.answerer.close()
        self.passwords.close()
        self.database.close()


def wire(settings: Settings) -> Services:
    """The services for these settings. Raises Misused when they cannot work."""
    answerer = choose.build(settings)
    database = Database(settings.database_url)
    passwords = Passwords()
    turns = Turns(settings.max_running, settings.max_waiting)
    patience = Patience(
        first_token=settings.first_token_seconds,
        between_tokens=settings.between_tokens_seconds,
        total=settings.answer_seconds,
        attempts=settings.upstream_attempts,
    )
    runs = Runs(database, Answering(database, answerer, patience, turns))
    sessions = Sessions(
        database,
        passwords,
        tokens.from_settings(settings, is_sqlite=database.is_sqlite),
        refresh_life=timedelta(days=settings.refresh_token_days),
        grace=timedelta(seconds=settings.refresh_grace_seconds),
    )
    return Services(
        database=database,
        answerer=answerer,
        accounts=Accounts(database, passwords, settings.registration),
        sessions=sessions,
        questions=Questions(database, answerer, runs, turns),
        turns=turns,
        orphans=Orphans(database, runs, settings.orphan_seconds),
        runs=runs,
        passwords=passwords,
    )
