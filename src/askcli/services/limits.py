"""Limits on logins, registrations and refreshes, kept in the database: they hold for all servers.

Nobody can be locked out by a stranger. What is limited tightly is one account from one network;
the limit of an account from all networks together does not count for networks that the account has
logged in from before (OWASP's device cookies, with the network for the cookie).
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from sqlalchemy import Connection

from askcli.errors import RateLimited
from askcli.services.visit import Allowance, Visit
from askcli.settings import Rate, Settings
from askcli.store import limits

MICROSECONDS = 1_000_000
MAX_REMEMBERED = 10_000


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
        return self.rate.seconds * MICROSECONDS // self.rate.count


class Limits:
    """What may be used how often."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # What is known to be used up, and until when: a flood of guesses costs no more writes.
        self._used_up: dict[str, int] = {}

    def address(self, visit: Visit) -> list[Limit]:
        """What all logins, registrations and refreshes from one network share."""
        return [Limit("address", self._settings.address_limit, visit.network or "")]

    def login(self, visit: Visit, account: str, *, known: bool) -> list[Limit]:
        """What guessing an account's password is limited by; `known`: it logged in from there."""
        pair = Limit("login", self._settings.login_limit, f"{account}\0{visit.network}")
        whole = Limit("account", self._settings.account_limit, account)
        return [pair] if known else [pair, whole]

    def register(self, visit: Visit, account: str) -> list[Limit]:
        """Registrations from one network, and tries to register one email."""
        rate = self._settings.register_limit
        return [
            Limit("register", rate, visit.network or ""),
            Limit("register-email", rate, account),
        ]

    def refresh(self, session: str) -> list[Limit]:
        """Refreshes of one session."""
        return [Limit("refresh", self._settings.refresh_limit, session)]

    def check(self, visit: Visit, wanted: list[Limit]) -> None:
        """Raises RateLimited for what is known to be used up, without asking the database."""
        moment = _microseconds()
        for limit in _that_count(visit, wanted):
            if self._used_up.get(limit.key, 0) > moment:
                raise self._refused(visit, limit, self._used_up[limit.key], moment)

    def take(self, connection: Connection, visit: Visit, wanted: list[Limit]) -> None:
        """Use each limit once. Raises RateLimited when one is used up: then none is used."""
        moment = _microseconds()
        for limit in _that_count(visit, wanted):
            whole = limit.rate.seconds * MICROSECONDS
            full_at = limits.take(connection, limit.key, moment, limit.interval, whole)
            if full_at is None:
                free = limits.full_at(connection, limit.key) + limit.interval - whole
                self._remember(limit.key, free)
                raise self._refused(visit, limit, free, moment)
            left = (whole - (full_at - moment)) // limit.interval
            reset = -(-(full_at - moment) // MICROSECONDS)
            _note(visit, Allowance(limit.name, limit.rate.count, limit.rate.seconds, left, reset))

    def give_back(self, connection: Connection, visit: Visit, wanted: list[Limit]) -> None:
        """A login was right: what `login` told to take counts as if it had not been taken.

        And of this account from this network nothing counts any more: its user is there.
        """
        for limit in _that_count(visit, wanted):
            if limit.name == "login":
                limits.forget(connection, limit.key)
            else:
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


def _that_count(visit: Visit, wanted: list[Limit]) -> list[Limit]:
    return [limit for limit in wanted if limit.rate.count] if visit.address else []


def _note(visit: Visit, allowance: Allowance) -> None:
    if visit.allowance is None or allowance.left < visit.allowance.left:
        visit.allowance = allowance


def _microseconds() -> int:
    """The time that all servers share, as far as their clocks agree."""
    return time.time_ns() // 1000
