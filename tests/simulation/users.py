"""Users at their machines: the real client, and a record of what they were told and shown."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from askcli.client.api import Api
from askcli.client.credentials import Credentials
from askcli.client.http.address import parse_address
from askcli.client.http.transport import Transport
from askcli.client.login import GivenToken, SavedLogin
from askcli.contract.protocol import API_TOKEN_PREFIX
from askcli.errors import InvalidCredentials
from tests.simulation.network import ADDRESS

TIMEOUT = 600
PASSWORD = "a password of the simulation"
EXPIRES_AT = 8.0  # in virtual time: an API token that each user has from the beginning

Spans = list[tuple[float, float]]  # each from when something was sent until its reply


def virtual_time() -> float:
    return time.monotonic() - 1000.0


def email(number: int) -> str:
    return f"user{number}@example.org"


def expiring_token(number: int) -> str:
    """The API token of a user that expires."""
    return f"{API_TOKEN_PREFIX}that-expires-{number}"


@dataclass
class Attempt:
    """One run of the command: the text that it showed, and its end (`done`, `killed` or a code)."""

    shown: str = ""
    question_id: str | None = None
    end: str = ""
    status: str | None = None
    answer: str | None = None


@dataclass
class Asked:
    """A question, as its user knows it."""

    user: int
    marker: str
    key: str
    body: dict[str, Any]
    attempts: list[Attempt] = field(default_factory=list)
    conversation_id: str | None = None  # as it was told
    before: frozenset[str] = frozenset()  # markers of the turns that had been answered
    token: str | None = None  # of ASKCLI_TOKEN, in place of the login
    shell: str = ""

    @property
    def question_id(self) -> str | None:
        return next((a.question_id for a in self.attempts if a.question_id), None)

    @property
    def is_done(self) -> bool:
        return any(attempt.end == "done" for attempt in self.attempts)


@dataclass
class ApiToken:
    """One that the user has made."""

    id: str
    token: str
    is_revoking: bool = False  # requested
    is_revoked: bool = False  # confirmed


@dataclass
class User:
    """A user's machine: the token file, and what is known of the questions asked there."""

    number: int
    home: Path
    asked: list[Asked] = field(default_factory=list)
    cancelled: set[str] = field(default_factory=set)  # what the server has confirmed
    cancelling: set[str] = field(default_factory=set)  # what was requested
    deleted: set[str] = field(default_factory=set)
    deleting: set[str] = field(default_factory=set)
    has_login: bool = False
    leaving: int = 0  # shells that have logged out, and not in again
    changes: int = 0  # of who is logged in
    # Those that may be right, the newest last.
    passwords: list[str] = field(default_factory=lambda: [PASSWORD])
    tokens: list[ApiToken] = field(default_factory=list)
    changing: int = 0  # requests for a new password, of which it is not known whether they are done
    purges: int = 0  # of sessions and API tokens by a new password, which have begun or ended
    ended: list[str] = field(default_factory=list)  # access tokens of sessions that are over
    wrong: list[str] = field(default_factory=list)  # what must not have happened
    guesses: Spans = field(default_factory=list)  # that were let in
    refreshes: list[Spans] = field(default_factory=list)  # of each of some sessions
    uses_of_expiring: list[tuple[float, float, bool]] = field(default_factory=list)
    # When the right password was sent, and when it was known what came of it.
    resets: Spans = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)  # of tokens that had not expired

    @property
    def email(self) -> str:
        return email(self.number)

    def api(self, token: str | None = None) -> Api:
        """The API for the login of this machine, or for a token."""
        transport = Transport(parse_address(ADDRESS), TIMEOUT)
        login = SavedLogin(self._credentials(), transport)
        return Api(transport, GivenToken(token) if token else login)

    def _credentials(self) -> Credentials:
        return Credentials(self.home, None, 0.8 * TIMEOUT)

    def log_in(self) -> None:
        with self.api() as api:
            tokens = self.open_session(api)
            with self._credentials().update(api.address.key) as entry:
                entry.put(tokens)

    def open_session(self, api: Api) -> Any:
        """Return the tokens of a new session, by the newest password that is right."""
        return self.with_password(self.passwords, lambda one: api.login(self.email, one))

    def with_password(self, passwords: Sequence[str], act: Callable[[str], Any]) -> Any:
        """Do what takes a password, with the newest one that is right."""
        for password in reversed(passwords):
            began, end = virtual_time(), math.inf
            try:
                result = act(password)
                end = virtual_time()
                return result
            except InvalidCredentials:
                end = began
            finally:
                if end > began:
                    self.resets.append((began, end))
        raise InvalidCredentials()

    def log_out(self) -> str | None:
        """End the session and forget it; return its access token."""
        with self.api() as api, api.leaving() as account:
            api.logout()
        return account["access_token"] if account else None

    def latest(self) -> str | None:
        """The question that was acknowledged last."""
        return next((a.question_id for a in reversed(self.asked) if a.question_id), None)
