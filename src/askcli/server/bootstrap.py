"""Builds the services from the settings, in one place."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from askcli.answerers import factory
from askcli.answerers.base import Answerer
from askcli.errors import ProviderOverloaded
from askcli.fair_queue import FairQueue
from askcli.metrics import names
from askcli.services.auth.accounts import Accounts
from askcli.services.auth.api_tokens import ApiTokens
from askcli.services.auth.authentication import Authentication
from askcli.services.auth.login_limits import LoginLimits
from askcli.services.auth.logins import Logins
from askcli.services.auth.passwords import Passwords
from askcli.services.auth.rate_limits import RateLimits
from askcli.services.auth.sessions import Sessions
from askcli.services.auth.signing_key import signing_secrets
from askcli.services.auth.tokens import Tokens
from askcli.services.auth.watches import Watches
from askcli.services.clock import new_id
from askcli.services.housekeeping import Housekeeping
from askcli.services.indexing import Indexing
from askcli.services.questions.asking import Questions
from askcli.services.questions.conversations import Conversations
from askcli.services.questions.history import History
from askcli.services.questions.importing import Importing
from askcli.services.questions.storage import QuestionStorage
from askcli.services.readiness import ReadinessCheck
from askcli.services.runs.calls.retries import RetryPolicy
from askcli.services.runs.elsewhere.remote import Feeds
from askcli.services.runs.generation import Generator
from askcli.services.runs.open_streams import OpenStreams
from askcli.services.runs.orphans import Orphans
from askcli.services.runs.registry import Runs
from askcli.services.runs.storage.answer_log import AnswerLog
from askcli.services.runs.storage.answers import AnswerStorage
from askcli.services.usage import quotas
from askcli.services.usage.metering import Metering
from askcli.settings import Settings
from askcli.settings.registration import Registration
from askcli.store.database import Database
from askcli.store.listener import Listener
from askcli.store.queries.notifications import Kind

# The most memory of all questions that wait for the model, a quarter of it for one user's. Their
# texts, and those of their conversations, take up to four bytes a character, and as many as UTF-8.
WAITING_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Services:
    """The services of a server, not yet started."""

    database: Database
    listener: Listener
    answerer: Answerer
    tokens: Tokens
    authentication: Authentication
    watches: Watches
    accounts: Accounts
    logins: Logins
    sessions: Sessions
    api_tokens: ApiTokens
    questions: Questions
    history: History
    conversations: Conversations
    importing: Importing
    runs: Runs
    answer_log: AnswerLog
    streams: OpenStreams
    queue: FairQueue
    indexing: Indexing
    orphans: Orphans
    housekeeping: Housekeeping
    passwords: Passwords
    readiness: ReadinessCheck

    def start_threads(self) -> None:
        """Start all threads, so that none is started later, when memory may be short."""
        self.database.start_threads()
        self.indexing.start_thread()
        self.passwords.start_threads()

    async def close(self) -> None:
        """Interrupt and store the running answers, then close everything, whatever fails."""
        async with AsyncExitStack() as closing:  # the last one first; threads keep the process
            closing.callback(self.database.close)
            closing.callback(self.passwords.close)
            closing.callback(self.indexing.close)
            closing.push_async_callback(self.answerer.close)
            closing.push_async_callback(self.answer_log.close)
            await self.runs.drain(0)


def build(settings: Settings, registration: Registration | None = None) -> Services:
    """Build the services; `registration` replaces the settings' policy. Raises Misused."""
    registration = registration or settings.registration_policy
    answerer, database = factory.build(settings), _database(settings)
    tokens = _tokens(settings, database)
    authentication = Authentication(database, tokens)
    passwords, limits, indexing = Passwords(), RateLimits(settings), Indexing(database.dialect)
    queue = FairQueue(settings.max_running, settings.max_waiting, _queue_full, WAITING_BYTES)
    metering = Metering(quotas.from_settings(settings), answerer.cost_usd)
    storing, process_id = (database, metering, indexing), new_id()
    listener, answer_log = _answer_log(database, process_id)
    generator = Generator(answerer, _retry_policy(settings), AnswerStorage(*storing), answer_log)
    runs = Runs(database, generator, Feeds(database, listener, process_id))
    sessions = _sessions(database, tokens, limits, settings)
    history = History(database, metering)
    return Services(
        database=database,
        listener=listener,
        answerer=answerer,
        tokens=tokens,
        authentication=authentication,
        watches=Watches(database, listener),
        accounts=Accounts(database, passwords, limits, registration.policy),
        logins=Logins(database, passwords, sessions, LoginLimits(settings, limits)),
        sessions=sessions,
        api_tokens=ApiTokens(database, limits, authentication.forget),
        questions=Questions(database, answerer, runs, queue, QuestionStorage(*storing), process_id),
        history=history,
        conversations=Conversations(database, history),
        importing=Importing(database, indexing, settings.retention_days),
        queue=queue,
        indexing=indexing,
        orphans=Orphans(database, runs, metering, indexing, process_id, settings.orphan_seconds),
        housekeeping=Housekeeping(database, settings.audit_days, settings.retention_days),
        runs=runs,
        answer_log=answer_log,
        streams=OpenStreams(),
        passwords=passwords,
        readiness=ReadinessCheck(database, runs, registration),
    )


def _queue_full() -> ProviderOverloaded:
    names.LIMITS.add("queue")
    detail = "Too many questions are waiting for the model; try again shortly."
    return ProviderOverloaded(detail, retry_after=10)


def _database(settings: Settings) -> Database:
    return Database(settings.database_url, settings.database_connections)


def _tokens(settings: Settings, database: Database) -> Tokens:
    secret, previous = signing_secrets(settings, is_sqlite=database.is_sqlite)
    return Tokens(secret, previous, settings.access_token_seconds)


def _answer_log(database: Database, process_id: UUID) -> tuple[Listener, AnswerLog]:
    """Return the process's log, and the listener by which other processes reach it."""
    listener, answer_log = Listener(database, process_id), AnswerLog(database, process_id)
    listener.on(Kind.FOLLOW, answer_log.add_followers)
    listener.on(Kind.CHANGED, answer_log.check)
    return listener, answer_log


def _sessions(
    database: Database, tokens: Tokens, limits: RateLimits, settings: Settings
) -> Sessions:
    life = timedelta(days=settings.refresh_token_days)
    grace = timedelta(seconds=settings.refresh_grace_seconds)
    return Sessions(database, tokens, limits, refresh_life=life, grace=grace)


def _retry_policy(settings: Settings) -> RetryPolicy:
    return RetryPolicy(
        first_token=settings.first_token_seconds,
        between_tokens=settings.between_tokens_seconds,
        total=settings.answer_seconds,
        attempts=settings.upstream_attempts,
    )
