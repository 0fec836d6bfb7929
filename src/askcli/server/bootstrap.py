"""The one place where settings become services."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from askcli.answerers import factory
from askcli.answerers.base import Answerer
from askcli.errors import ProviderOverloaded
from askcli.services.auth.accounts import Accounts
from askcli.services.auth.api_tokens import ApiTokens
from askcli.services.auth.authentication import Access
from askcli.services.auth.logins import Logins
from askcli.services.auth.passwords import Passwords
from askcli.services.auth.rate_limits import Limits
from askcli.services.auth.sessions import Sessions
from askcli.services.auth.signing_key import signing_secrets
from askcli.services.auth.tokens import Tokens
from askcli.services.fair_queue import Turns
from askcli.services.housekeeping import Housekeeping
from askcli.services.questions.asking import Questions
from askcli.services.questions.history import History
from askcli.services.runs.generation import Answering
from askcli.services.runs.orphans import Orphans
from askcli.services.runs.registry import Runs
from askcli.services.runs.retries import Patience
from askcli.services.usage import quotas
from askcli.services.usage.metering import Spending
from askcli.settings import Settings
from askcli.store.database import Database

_FULL = ProviderOverloaded(
    "Too many questions are waiting for the model; try again shortly.", retry_after=10
)


@dataclass(frozen=True, slots=True)
class Services:
    """All that a server needs, made but not started."""

    database: Database
    answerer: Answerer
    access: Access
    accounts: Accounts
    logins: Logins
    sessions: Sessions
    api_tokens: ApiTokens
    questions: Questions
    history: History
    runs: Runs
    turns: Turns
    orphans: Orphans
    housekeeping: Housekeeping
    passwords: Passwords

    async def close(self) -> None:
        """Store what is still running as far as it came, then let go of everything."""
        await self.runs.drain(0)
        await self.answerer.close()
        self.passwords.close()
        self.database.close()


def wire(settings: Settings) -> Services:
    """The services for these settings. Raises Misused when they cannot work."""
    answerer = factory.build(settings)
    database = Database(settings.database_url)
    secret, previous = signing_secrets(settings, is_sqlite=database.is_sqlite)
    tokens = Tokens(secret, previous, settings.access_token_seconds)
    passwords, limits = Passwords(), Limits(settings)
    turns = Turns(settings.max_running, settings.max_waiting, _FULL)
    spending = Spending(quotas.from_settings(settings), answerer.cost_usd)
    runs = Runs(database, Answering(database, answerer, _patience(settings), turns, spending))
    sessions = Sessions(
        database,
        tokens,
        limits,
        refresh_life=timedelta(days=settings.refresh_token_days),
        grace=timedelta(seconds=settings.refresh_grace_seconds),
    )
    return Services(
        database=database,
        answerer=answerer,
        access=Access(database, tokens),
        accounts=Accounts(database, passwords, limits, settings.registration_policy),
        logins=Logins(database, passwords, sessions, limits),
        sessions=sessions,
        api_tokens=ApiTokens(database),
        questions=Questions(database, answerer, runs, turns, spending),
        history=History(database),
        turns=turns,
        orphans=Orphans(database, runs, spending, settings.orphan_seconds),
        housekeeping=Housekeeping(database, settings.audit_days),
        runs=runs,
        passwords=passwords,
    )


def _patience(settings: Settings) -> Patience:
    return Patience(
        first_token=settings.first_token_seconds,
        between_tokens=settings.between_tokens_seconds,
        total=settings.answer_seconds,
        attempts=settings.upstream_attempts,
    )
