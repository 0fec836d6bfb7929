"""Limits on tries at an account's password.

Nobody can be locked out by a stranger. The tight limit is on one account from one network. The
limit on an account from all networks together does not apply where the account has logged in from
before (OWASP's device cookies, with the network for the cookie), nor to a few free tries a day
from any other network. All addresses of a site share a larger number of free tries, and a limit on
wrong passwords, which does not apply where the account has logged in from either.

A try at an email without an account is counted by the same statements, so that neither the reply
nor its time shows whether there is one. Which limits apply depends on where the account has logged
in from: those that may not are not reported.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import takewhile

from sqlalchemy import Connection

from askcli.services import request_info
from askcli.services.auth.rate_limits import DAY_SECONDS, Limit, RateLimits
from askcli.settings import Rate, Settings
from askcli.store.queries import open_sessions

FREE_TRIES = Rate(3, DAY_SECONDS)
FREE_TRIES_OF_A_SITE = Rate(30, DAY_SECONDS)


class LoginLimits:
    """Counts tries at passwords by the current request; `account` is an email's key throughout."""

    def __init__(self, settings: Settings, limits: RateLimits) -> None:
        self._settings = settings
        self._limits = limits

    def check(self, account: str) -> None:
        """Raise RateLimited for a limit that is known to be used up, without a query."""
        self._limits.check(self._limits.address(), self._here(account))

    def check_site(self, connection: Connection, account: str) -> None:
        """Raise RateLimited, without a write, where its site's limit is known to be used up."""
        if not _is_known(connection, account):
            self._limits.check(self._site())

    def take(self, connection: Connection, account: str) -> list[Limit]:
        """Count a try at the account's password; return the limits that were used for it.

        Raises RateLimited.
        """
        taken = [self._limits.address(), self._here(account)]
        self._limits.take(connection, *taken)
        is_known = _is_known(connection, account)
        taken += self._take_unless(connection, self._site(), is_exempt=is_known)
        free_tries = _free_tries(account)
        free = list(takewhile(partial(self._limits.count, connection), free_tries))
        is_exempt = is_known or free == free_tries
        counted = self._take_unless(connection, self._everywhere(account), is_exempt=is_exempt)
        return [*taken, *free, *counted]

    def _take_unless(self, connection: Connection, limit: Limit, *, is_exempt: bool) -> list[Limit]:
        """Use the limit once, and return it; an exempt try uses what there is of it, or none."""
        if is_exempt:
            return [limit] if self._limits.count(connection, limit) else []
        self._limits.take(connection, limit)
        return [limit]

    def succeeded(self, connection: Connection, account: str, taken: list[Limit]) -> None:
        """Forget this try, and the wrong passwords before it from this network."""
        address = self._limits.address()
        self._limits.give_back(connection, [limit for limit in taken if limit != address])
        self._limits.reset(connection, self._here(account))

    def give_back(self, connection: Connection, taken: list[Limit]) -> None:
        """Take back the count of a try whose password was not compared, for want of room.

        Except for those of the address and its site: such a try costs its sender, too.
        """
        addresses = self._limits.addresses()
        self._limits.give_back(connection, [limit for limit in taken if limit not in addresses])

    def _here(self, account: str) -> Limit:
        network = request_info.current().network
        return Limit("login", self._settings.login_limit, f"{account}\0{network}")

    def _everywhere(self, account: str) -> Limit:
        return Limit("account", self._settings.account_limit, account, is_reported=False)

    def _site(self) -> Limit:
        return replace(self._limits.site(), is_reported=False)


def _is_known(connection: Connection, account: str) -> bool:
    """Whether the account, if there is one, has logged in from this network before."""
    return open_sessions.has_network(connection, account, request_info.current().network)


def _free_tries(account: str) -> list[Limit]:
    request = request_info.current()
    return [
        Limit("free", FREE_TRIES, f"{account}\0{request.network}"),
        Limit("free_of_site", FREE_TRIES_OF_A_SITE, f"{account}\0{request.site}"),
    ]
