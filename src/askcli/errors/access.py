"""Callers who are not logged in, not allowed, or over a limit."""

from __future__ import annotations

from typing import Any

from askcli.errors.base import AskcliError


class NotAuthenticated(AskcliError):
    code, title, status, exit_code = "not_authenticated", "Not logged in", 401, 4


class InvalidCredentials(NotAuthenticated):
    code, title = "invalid_credentials", "Wrong email or password"


class InvalidToken(NotAuthenticated):
    code, title = "invalid_token", "The token is not valid"
    default = "The access token is not valid; log in again."


class TokenExpired(NotAuthenticated):
    code, title = "token_expired", "The token has expired"
    default = "The access token has expired; refresh it or log in."


class SessionEnded(NotAuthenticated):
    code, title = "session_ended", "The session has ended"
    default = "The session has ended; log in again."


class Refused(AskcliError):
    code, title, status, exit_code = "forbidden", "Not allowed", 403, 4


class RegistrationClosed(Refused):
    code, title = "registration_closed", "Registration is closed"
    default = "This server takes no registrations; ask its host."


class InviteNeeded(Refused):
    code, title = "invite_needed", "Registration needs an invite"
    default = "This server needs an invite; ask its host for a code."


class AccountDisabled(Refused):
    code, title = "account_disabled", "The account is disabled"
    default = "This account is disabled; ask the server's host."


class ScopeMissing(Refused):
    code, title = "scope_missing", "The token may not be used for this"

    def __init__(self, detail: str = "", *, scopes: tuple[str, ...] = (), **fields: Any) -> None:
        """`scopes` are those of which one is needed."""
        super().__init__(detail, **fields)
        self.scopes = scopes


class Unpriced(Refused):
    code, title = "model_unpriced", "The model's price is unknown"


class RateLimited(AskcliError):
    code, title, status, exit_code = "rate_limited", "Too many requests", 429, 7


class TooManyStreams(RateLimited):
    code, title = "too_many_streams", "Too many event streams are open"


class QuotaExceeded(RateLimited):
    code, title = "quota_exceeded", "The quota is used up"
