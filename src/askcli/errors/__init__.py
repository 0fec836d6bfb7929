"""The error tree: code, title, HTTP status, exit code and default message, in one place.

AskcliError 500, exit 5
├─ InvalidInput 422, exit 2
│     MalformedBody 400, MalformedRequest 400, HeadersTooLarge 431, PayloadTooLarge 413,
│     UnsupportedMedia 415, UnknownModel, KeyReused, BadHost 400, WrongHost 421, TooSlow 408
├─ NotAuthenticated 401, exit 4: InvalidCredentials, InvalidToken, TokenExpired, SessionEnded
├─ Refused 403, exit 4: RegistrationClosed, InviteNeeded, AccountDisabled, ScopeMissing, Unpriced
├─ NotFound 404, MethodNotAllowed 405, Conflict 409 (EmailTaken), Cancelled 409, exit 1
├─ ProviderFailed 502 (ProviderRejected, ProviderOverloaded 503, ProviderTimeout 504 exit 6,
│     AnswerTooLong)
├─ Unavailable 503 (DatabaseUnavailable, ShuttingDown), Interrupted 502
├─ RateLimited 429 (TooManyStreams, QuotaExceeded), exit 7
└─ Misused exit 2, Failed exit 1, Unreachable (TooLate, Untrusted, ProxyRefused) exit 6,
      TimedOut exit 6, BadResponse exit 5: never over HTTP
"""

from __future__ import annotations

from askcli.errors.access import *
from askcli.errors.answers import *
from askcli.errors.base import *
from askcli.errors.commands import *
from askcli.errors.requests import *
from askcli.errors.service import *
