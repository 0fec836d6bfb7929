"""The error tree: code, title, HTTP status, exit code and default message, in one place.

AskcliError 500, exit 5
├─ InvalidInput 422, exit 2
│     MalformedBody 400, MalformedRequest 400, HeadersTooLarge 431, PayloadTooLarge 413,
│     UnsupportedMedia 415, UnknownModel, KeyReused, BadHost 400, WrongHost 421, TooSlow 408
├─ NotAuthenticated 401, exit 4: InvalidCredentials, InvalidToken, TokenExpired, SessionEnded
├─ Refused 403, exit 4: RegistrationClosed, InviteNeeded, AccountDisabled, ScopeMissing, Unpriced
├─ NotFound 404, MethodNotAllowed 405, Conflict 409 (EmailTaken), Cancelled 409, exit 1
├─ ProviderFailed 502 (ProviderRejected, ProviderOverloaded 503, ProviderTimeout 504 exit 6)
├─ Unavailable 503 (DatabaseUnavailable, ShuttingDown), Interrupted 502
├─ RateLimited 429 (QuotaExceeded), exit 7
└─ Misused exit 2, Failed exit 1, Unreachable exit 6: never over HTTP
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar


@dataclass(eq=False)
class AskcliError(Exception):
    """Base class of all errors that a user is shown.

    `detail` is one line without a secret: what happened, how to fix it. `retry_after` is seconds.
    """

    code: ClassVar[str] = "server_error"
    title: ClassVar[str] = "The server failed"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 5
    default: ClassVar[str] = ""

    detail: str = ""
    _: KW_ONLY
    retry_after: int | None = None
    question_id: str | None = None
    question_status: str | None = None
    errors: list[dict[str, str]] | None = None
    request_id: str | None = None
    quota: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.detail = self.detail or self.default or f"{self.title}."
        super().__init__(self.detail)


class InvalidInput(AskcliError):
    code, title, status, exit_code = "invalid_request", "The request is not valid", 422, 2


class MalformedBody(InvalidInput):
    code, title, status = "malformed_json", "The body is not JSON", 400


class MalformedRequest(InvalidInput):
    code, title, status = "malformed_request", "The request is not HTTP", 400


class HeadersTooLarge(InvalidInput):
    code, title, status = "headers_too_large", "The headers are too large", 431


class PayloadTooLarge(InvalidInput):
    code, title, status = "payload_too_large", "The request is too large", 413
    default = "The body is too large; shorten the question."


class UnsupportedMedia(InvalidInput):
    code, title, status = "unsupported_media_type", "The body must be JSON", 415


class UnknownModel(InvalidInput):
    code, title = "unknown_model", "There is no such model here"


class KeyReused(InvalidInput):
    code, title = "idempotency_key_reused", "The key belongs to another request"


class BadHost(InvalidInput):
    code, title, status = "bad_host", "The Host header is not one", 400


class WrongHost(InvalidInput):
    code, title, status = "wrong_host", "This server is not that host", 421


class TooSlow(InvalidInput):
    code, title, status = "request_timeout", "The request took too long to arrive", 408


class Misused(AskcliError):
    code, title, exit_code = "usage", "The command or its settings are not right", 2


class Failed(AskcliError):
    code, title, exit_code = "failed", "The command failed", 1


class NotFound(AskcliError):
    code, title, status, exit_code = "not_found", "There is no such thing", 404, 1

    def __init__(self, thing: str = "thing", *, detail: str = "", **fields: Any) -> None:
        super().__init__(detail or f"There is no such {thing}.", **fields)


class MethodNotAllowed(AskcliError):
    code, title, status, exit_code = "method_not_allowed", "Not with this method", 405, 1


class Conflict(AskcliError):
    code, title, status, exit_code = "conflict", "It conflicts with what is there", 409, 1


class EmailTaken(Conflict):
    code, title = "email_taken", "The email is taken"


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


class Unpriced(Refused):
    code, title = "model_unpriced", "The model's price is unknown"


class RateLimited(AskcliError):
    code, title, status, exit_code = "rate_limited", "Too many requests", 429, 7


class QuotaExceeded(RateLimited):
    code, title = "quota_exceeded", "The quota is used up"


class ProviderFailed(AskcliError):
    code, title, status = "provider_failed", "The model failed", 502


class ProviderRejected(ProviderFailed):
    code, title = "provider_rejected", "The model's provider refused the request"


class ProviderOverloaded(ProviderFailed):
    code, title, status = "provider_overloaded", "The model is overloaded", 503
    default = "The model is overloaded; try again shortly."


class ProviderTimeout(ProviderFailed):
    code, title, status, exit_code = "provider_timeout", "The model took too long", 504, 6


class Interrupted(AskcliError):
    code, title, status = "interrupted", "The answer was interrupted", 502
    default = "The model's answer broke off before its end; ask again."


class Cancelled(AskcliError):
    code, title, status, exit_code = "cancelled", "The answer was cancelled", 409, 1
    default = "The answer was cancelled; the text so far is kept."


class Unavailable(AskcliError):
    code, title, status = "unavailable", "The service is not available", 503


class DatabaseUnavailable(Unavailable):
    code, title = "database_unavailable", "The database is not available"


class ShuttingDown(Unavailable):
    code, title = "shutting_down", "The server is stopping"
    default = "The server is stopping; try again shortly."


class Unreachable(AskcliError):
    code, title, exit_code = "unreachable", "The server cannot be reached", 6
