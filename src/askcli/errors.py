"""The error tree: what can go wrong, with its code, HTTP status and exit code in one place.

    AskcliError                 server_error            500  exit 5
    ├─ InvalidInput             invalid_request         422  exit 2
    │  ├─ MalformedBody         malformed_json          400
    │  ├─ MalformedRequest      malformed_request       400
    │  ├─ HeadersTooLarge       headers_too_large       431
    │  ├─ PayloadTooLarge       payload_too_large       413
    │  ├─ UnsupportedMedia      unsupported_media_type  415
    │  ├─ UnknownModel          unknown_model           422
    │  ├─ KeyReused             idempotency_key_reused  422
    │  ├─ BadHost               bad_host                400
    │  ├─ WrongHost             wrong_host              421
    │  └─ TooSlow               request_timeout         408
    ├─ Misused                  usage                        exit 2   (never over HTTP)
    ├─ Failed                   failed                       exit 1   (never over HTTP)
    ├─ NotFound                 not_found               404  exit 1
    ├─ MethodNotAllowed         method_not_allowed      405  exit 1
    ├─ Conflict                 conflict                409  exit 1
    │  └─ EmailTaken            email_taken             409
    ├─ NotAuthenticated         not_authenticated       401  exit 4
    │  ├─ InvalidCredentials    invalid_credentials     401
    │  ├─ InvalidToken          invalid_token           401
    │  ├─ TokenExpired          token_expired           401
    │  └─ SessionEnded          session_ended           401
    ├─ Refused                  forbidden               403  exit 4
    │  ├─ RegistrationClosed    registration_closed     403
    │  ├─ InviteNeeded          invite_needed           403
    │  ├─ AccountDisabled       account_disabled        403
    │  ├─ ScopeMissing          scope_missing           403
    │  └─ Unpriced              model_unpriced          403
    ├─ RateLimited              rate_limited            429  exit 7
    │  └─ QuotaExceeded         quota_exceeded          429
    ├─ ProviderFailed           provider_failed         502  exit 5
    │  ├─ ProviderRejected      provider_rejected       502
    │  ├─ ProviderOverloaded    provider_overloaded     503
    │  └─ ProviderTimeout       provider_timeout        504  exit 6
    ├─ Interrupted              interrupted             502  exit 5
    ├─ Cancelled                cancelled               409  exit 1
    ├─ Unavailable              unavailable             503  exit 5
    │  ├─ DatabaseUnavailable   database_unavailable    503
    │  └─ ShuttingDown          shutting_down           503
    └─ Unreachable              unreachable                  exit 6   (never over HTTP)

The server turns one into a problem (`server.problems`), the client turns a problem back into one
(`from_problem`), and the command line ends with its exit code (`cli.app`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar


class AskcliError(Exception):
    """Something went wrong that the user can be told.

    `detail` says what happened and how to fix it, in one line, and never holds a secret.
    """

    code: ClassVar[str] = "server_error"
    title: ClassVar[str] = "The server failed"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 5

    def __init__(
        self,
        detail: str,
        *,
        retry_after: int | None = None,
        question_id: str | None = None,
        question_status: str | None = None,
        errors: list[dict[str, str]] | None = None,
        request_id: str | None = None,
        quota: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        self.question_id = question_id
        self.question_status = question_status
        self.errors = errors
        self.request_id = request_id
        self.quota = quota


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


class TokenExpired(NotAuthenticated):
    code, title = "token_expired", "The token has expired"


class SessionEnded(NotAuthenticated):
    code, title = "session_ended", "The session has ended"


class Refused(AskcliError):
    code, title, status, exit_code = "forbidden", "Not allowed", 403, 4


class RegistrationClosed(Refused):
    code, title = "registration_closed", "Registration is closed"


class InviteNeeded(Refused):
    code, title = "invite_needed", "Registration needs an invite"


class AccountDisabled(Refused):
    code, title = "account_disabled", "The account is disabled"


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


class ProviderTimeout(ProviderFailed):
    code, title, status, exit_code = "provider_timeout", "The model took too long", 504, 6


class Interrupted(AskcliError):
    code, title, status = "interrupted", "The answer was interrupted", 502


class Cancelled(AskcliError):
    code, title, status, exit_code = "cancelled", "The answer was cancelled", 409, 1


class Unavailable(AskcliError):
    code, title, status = "unavailable", "The service is not available", 503


class DatabaseUnavailable(Unavailable):
    code, title = "database_unavailable", "The database is not available"


class ShuttingDown(Unavailable):
    code, title = "shutting_down", "The server is stopping"


class Unreachable(AskcliError):
    code, title, exit_code = "unreachable", "The server cannot be reached", 6


def _tree(root: type[AskcliError]) -> Iterator[type[AskcliError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


BY_CODE: dict[str, type[AskcliError]] = {error.code: error for error in _tree(AskcliError)}

# Where only a status is known (a proxy answered, or Starlette did), the plainest error with it.
BY_STATUS: dict[int, type[AskcliError]] = {
    400: MalformedBody,
    401: NotAuthenticated,
    403: Refused,
    404: NotFound,
    405: MethodNotAllowed,
    408: TooSlow,
    409: Conflict,
    413: PayloadTooLarge,
    415: UnsupportedMedia,
    421: WrongHost,
    422: InvalidInput,
    431: HeadersTooLarge,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: Unreachable,
}


def from_problem(status: int, problem: Mapping[str, Any]) -> AskcliError:
    """The error that a problem document (RFC 9457) stands for; unknown codes go by `status`."""
    kind = BY_CODE.get(str(problem.get("code"))) or BY_STATUS.get(status, AskcliError)
    return kind(
        str(problem.get("detail") or problem.get("title") or f"The server answered {status}."),
        question_id=problem.get("question_id"),
        question_status=problem.get("question_status"),
        errors=problem.get("errors"),
        request_id=problem.get("request_id"),
        quota=problem.get("quota"),
    )
