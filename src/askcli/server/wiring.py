"""The one place where settings become services."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from askcli.answerers import choose
from askcli.answerers.base import Answerer
from askcli.errors import ProviderOverloaded
from askcli.services import quotas
from askcli.services.access import Access
from askcli.services.accounts import Accounts
from askcli.services.answering import Answering
from askcli.services.api_tokens import ApiTokens
from askcli.services.history import History
from askcli.services.housekeeping import Housekeeping
from askcli.services.limits import Limits
from askcli.services.logins import Logins
from askcli.services.orphans import Orphans
from askcli.services.passwords import Passwords
from askcli.services.patience import Patience
from askcli.services.questions import Questions
from askcli.services.runs import Runs
from askcli.services.secret import signing_secrets
from askcli.services.sessions import Sessions
from askcli.services.spending import Spending
from askcli.services.tokens import Tokens
from askcli.services.turns import Turns
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
    answerer = choose.build(settings)
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
