"""Limits on logins, registrations and refreshes, kept in the database: they hold for all servers.

Nobody can be locked out by a stranger. What is limited tightly is one account from one network;
the limit of an account from all networks together does not count where the account has logged in
from before (OWASP's device cookies, with the network for the cookie), nor for the first tries from
any other network.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from askcli.errors import RateLimited
from askcli.services.request_info import Allowance, Visit
from askcli.settings import Rate, Settings
from askcli.store import limits

MICROSECONDS = 1_000_000
MAX_REMEMBERED = 10_000
FREE_TRIES = 3


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that is limited: `subject` may use `name` at this rate."""

    name: str
    rate: Rate
    subject: str

    @property
    def key(self) -> str:
        """What it is kept under: a digest of the whole subject, of which nothing is cut off."""
        return hashlib.sha256(f"{self.name}\0{self.subject}".encode()).hexdigest()

    @property
    def interval(self) -> int:
        """The microseconds in which one use grows back."""
        return max(1, self.whole // self.rate.count)

    @property
    def whole(self) -> int:
        """The microseconds in which all uses grow back."""
        return self.rate.seconds * MICROSECONDS


class Limits:
    """What may be used how often."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # What is known to be used up, and until when: a flood of guesses costs no more writes.
        self._used_up: dict[str, int] = {}

    def address(self, visit: Visit) -> Limit:
        """What all logins, registrations and refreshes from one network share."""
        return Limit("address", self._settings.address_limit, visit.network or "")

    def pair(self, visit: Visit, account: str) -> Limit:
        """Wrong passwords for one account from one network."""
        return Limit("login", self._settings.login_limit, f"{account}\0{visit.network}")

    def account(self, account: str) -> Limit:
        """Wrong passwords for one account from all networks that it never logged in from."""
        return Limit("account", self._settings.account_limit, account)

    def register(self, visit: Visit) -> Limit:
        """Registrations from one network."""
        return Limit("register", self._settings.register_limit, visit.network or "")

    def refresh(self, session: str) -> Limit:
        """Refreshes of one session."""
        return Limit("refresh", self._settings.refresh_limit, session)

    def check(self, visit: Visit, *wanted: Limit) -> None:
        """Raises RateLimited for what is known to be used up, without asking the database."""
        moment = _microseconds()
        for limit in _that_count(visit, wanted):
            if self._used_up.get(limit.key, 0) > moment:
                raise self._refused(visit, limit, self._used_up[limit.key], moment)

    def take(self, connection: Connection, visit: Visit, *wanted: Limit) -> None:
        """Use each limit once. Raises RateLimited when one is used up: then none is used."""
        moment = _microseconds()
        for limit in _that_count(visit, wanted):
            full_at = limits.take(connection, limit.key, moment, limit.interval, limit.whole)
            if full_at is None:
                free = limits.full_at(connection, limit.key) + limit.interval - limit.whole
                self._remember(limit.key, free)
                raise self._refused(visit, limit, free, moment)
            _note(visit, limit, full_at - moment)

    def take_login(
        self, connection: Connection, visit: Visit, account: str, *, known: bool
    ) -> None:
        """Count a try at an account's password; `known`: it has logged in from there before.

        Raises RateLimited, but never for the first tries from a network because of what others
        did: so no number of strangers can keep an owner out who comes from a new place.
        """
        pair, whole = self.pair(visit, account), self.account(account)
        self.take(connection, visit, self.address(visit), pair)
        if known:
            return
        ahead = limits.full_at(connection, pair.key) - _microseconds()
        if pair.rate.count and ahead <= FREE_TRIES * pair.interval:
            for limit in _that_count(visit, (whole,)):
                moment = _microseconds()
                limits.take(connection, limit.key, moment, limit.interval, limit.whole)
        else:
            self.take(connection, visit, whole)

    def login_was_right(
        self, connection: Connection, visit: Visit, account: str, *, known: bool
    ) -> None:
        """The account's user is there: their slips before count no more, nor does this try."""
        limits.forget(connection, self.pair(visit, account).key)
        if not known:
            self._give_back(connection, visit, self.account(account))

    def login_was_not_tried(
        self, connection: Connection, visit: Visit, account: str, *, known: bool
    ) -> None:
        """The password was not even looked at: the try does not count."""
        self._give_back(connection, visit, self.address(visit), self.pair(visit, account))
        if not known:
            self._give_back(connection, visit, self.account(account))

    @staticmethod
    def _give_back(connection: Connection, visit: Visit, *taken: Limit) -> None:
        for limit in _that_count(visit, taken):
            limits.give_back(connection, limit.key, limit.interval)

    def _remember(self, key: str, free: int) -> None:
        if len(self._used_up) >= MAX_REMEMBERED:
            self._used_up.clear()
        self._used_up[key] = free

    @staticmethod
    def _refused(visit: Visit, limit: Limit, free: int, moment: int) -> RateLimited:
        seconds = max(1, -(-(free - moment) // MICROSECONDS))
        visit.allowance = Allowance(limit.name, limit.rate.count, limit.rate.seconds, 0, seconds)
        return RateLimited(f"Too many attempts; try again in {seconds} s.", retry_after=seconds)


def _that_count(visit: Visit, wanted: Iterable[Limit]) -> list[Limit]:
    return [limit for limit in wanted if limit.rate.count] if visit.address else []


def _note(visit: Visit, limit: Limit, ahead: int) -> None:
    """Tell the visit what is left of the limit that it is nearest to."""
    left, reset = (limit.whole - ahead) // limit.interval, -(-ahead // MICROSECONDS)
    if visit.allowance is None or left < visit.allowance.left:
        rate = limit.rate
        visit.allowance = Allowance(limit.name, rate.count, rate.seconds, left, reset)


def _microseconds() -> int:
    """The time that all servers share, as far as their clocks agree."""
    return time.time_ns() // 1000
