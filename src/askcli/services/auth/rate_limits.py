"""Rate limits, kept in the database for all servers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection

from askcli.errors import RateLimited
from askcli.metrics import names
from askcli.services import request_info
from askcli.services.request_info import Allowance
from askcli.settings import Rate, Settings
from askcli.store.database import shared_clock
from askcli.store.queries import limits

MICROSECONDS = 1_000_000
MAX_CACHED = 10_000
# A site has the limit of so many of its networks together; an IPv6 site has 65,536 networks.
NETWORKS_OF_A_SITE = 10

# Of a user: each leaves a kilobyte, most of it in the audit log, which keeps it for months.
DAY_SECONDS = 86_400
REFRESHES = Rate(50_000, DAY_SECONDS)
NEW_TOKENS = Rate(1_000, DAY_SECONDS)


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate for one subject: `subject` may use `name` at this rate.

    Responses say nothing of one that is not `is_reported`: neither its uses, nor that it refuses.
    """

    name: str
    rate: Rate
    subject: str
    is_reported: bool = field(default=True, compare=False)

    @property
    def key(self) -> str:
        """Key of the database row: a digest of the whole subject, nothing cut off."""
        return hashlib.sha256(f"{self.name}\0{self.subject}".encode()).hexdigest()

    @property
    def interval(self) -> int:
        """Microseconds after which one use is available again."""
        return max(1, self.window // self.rate.count)

    @property
    def window(self) -> int:
        """Microseconds after which all uses are available again."""
        return self.rate.seconds * MICROSECONDS


class RateLimits:
    """Checks and counts uses by the current request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Limits that are used up, and until when by the clock of this server: refusing a flood of
        # guesses costs no write.
        self._exhausted: dict[str, int] = {}

    def addresses(self) -> list[Limit]:
        """Limits on logins, registrations and unknown refresh tokens of a network, and its site."""
        return [self.address(), self.site()]

    def address(self) -> Limit:
        """That of the network."""
        return _of_network("address", self._settings.address_limit)

    def site(self) -> Limit:
        """That of its site."""
        return _of_site("address", self._settings.address_limit)

    def registrations(self) -> list[Limit]:
        """Limits on registrations from one network, and from its site."""
        rate = self._settings.register_limit
        return [_of_network("register", rate), _of_site("register", rate)]

    def refreshes(self, session_id: UUID, user_id: UUID) -> list[Limit]:
        """Limits on refreshes of one session, and in a day of all of its user's."""
        rate = self._settings.refresh_limit
        limits_ = [Limit("refresh", rate, str(session_id))]
        if rate.count:
            limits_.append(Limit("refresh_of_user", REFRESHES, str(user_id)))
        return limits_

    @staticmethod
    def new_tokens(user_id: UUID) -> Limit:
        """Limit on the API tokens that a user makes in a day."""
        return Limit("new_token", NEW_TOKENS, str(user_id))

    def check(self, *required: Limit) -> None:
        """Raise RateLimited for a limit that is known to be used up, without a query."""
        timestamp = _microseconds()
        for limit in _applicable(required):
            free_at = self._exhausted.get(limit.key, 0)
            # One that is later was noted before the clock was set back.
            if timestamp < free_at <= timestamp + limit.interval + limits.MAX_SKEW:
                raise _refusal(limit, free_at, timestamp)

    def take(self, connection: Connection, *required: Limit) -> None:
        """Use each limit once. Raises RateLimited when one is used up: then none is used."""
        if not (applicable := _applicable(required)):
            return
        timestamp = shared_clock.microseconds(connection)
        for limit in applicable:
            full_at = limits.take(connection, limit.key, timestamp, limit.interval, limit.window)
            if full_at is None:
                free_at = limits.full_at(connection, limit.key) + limit.interval - limit.window
                self._remember(limit.key, _microseconds() + free_at - timestamp)
                raise _refusal(limit, free_at, timestamp)
            self._exhausted.pop(limit.key, None)  # what used it up was not committed, or is over
            _report_allowance(limit, full_at - timestamp)

    def count(self, connection: Connection, limit: Limit) -> bool:
        """Use the limit once; return False, without a refusal, when it is used up."""
        if not _applicable([limit]):
            return False
        timestamp = shared_clock.microseconds(connection)
        full_at = limits.take(connection, limit.key, timestamp, limit.interval, limit.window)
        return full_at is not None

    def give_back(self, connection: Connection, taken: Iterable[Limit]) -> None:
        """Take back one use of each limit."""
        for limit in _applicable(taken):
            limits.give_back(connection, limit.key, limit.interval)
            self._exhausted.pop(limit.key, None)  # there is room again

    def reset(self, connection: Connection, limit: Limit) -> None:
        """Make all uses of the limit available again."""
        limits.reset(connection, limit.key)
        self._exhausted.pop(limit.key, None)  # there is room again

    def _remember(self, key: str, free_at: int) -> None:
        if len(self._exhausted) >= MAX_CACHED:
            self._exhausted.clear()
        self._exhausted[key] = free_at


def _of_network(name: str, rate: Rate) -> Limit:
    return Limit(name, rate, request_info.current().network or "")


def _of_site(name: str, rate: Rate) -> Limit:
    """Ten times the limit of a network, for all networks of its site together."""
    of_site = Rate(rate.count * NETWORKS_OF_A_SITE, rate.seconds)
    return Limit(f"{name}_of_site", of_site, request_info.current().site or "")


def _applicable(required: Iterable[Limit]) -> list[Limit]:
    """The limits that are switched on; none for this machine's own user."""
    if request_info.current().address is None:
        return []
    return [limit for limit in required if limit.rate.count]


def _refusal(limit: Limit, free_at: int, timestamp: int) -> RateLimited:
    names.LIMITS.add(limit.name)
    seconds = max(1, -(-(free_at - timestamp) // MICROSECONDS))
    if not limit.is_reported:
        return RateLimited("Too many attempts; try again later.", retry_after=seconds)
    rate = limit.rate
    allowance = Allowance(limit.name, rate.count, rate.seconds, remaining=0, reset=seconds)
    request_info.current().note(allowance)
    return RateLimited(f"Too many attempts; try again in {seconds} s.", retry_after=seconds)


def _report_allowance(limit: Limit, ahead: int) -> None:
    if not limit.is_reported:
        return
    remaining = max(0, (limit.window - ahead) // limit.interval)
    reset = -(-ahead // MICROSECONDS)
    rate = limit.rate
    allowance = Allowance(limit.name, rate.count, rate.seconds, remaining, reset)
    request_info.current().note(allowance)


def _microseconds() -> int:
    """The time by the clock of this server."""
    return time.time_ns() // 1000
