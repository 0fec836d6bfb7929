"""Errors of the SDK and of aiohttp as this package's own: what may be billed, or retried."""

from __future__ import annotations

import errno
import logging
import math
import re
import time
import traceback
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

from askcli.answerers.base import exchange
from askcli.answerers.messages_api import statuses
from askcli.answerers.messages_api.bounded import MAX_STRUCTURE_CHARACTERS
from askcli.answerers.messages_api.message_events import NO_ANSWER
from askcli.answerers.messages_api.response import Response
from askcli.contract import bounded_json
from askcli.errors import AskcliError, Interrupted, ProviderFailed

log = logging.getLogger("askcli.provider")

MAX_RETRY_AFTER_SECONDS = 3600
OF_WRONG_EVENTS = (
    ValueError,
    AssertionError,
    AttributeError,
    TypeError,
    LookupError,
    RecursionError,
)


class NotSent(Exception):
    """A request that no connection was given, because of this error's cause."""


def status_error(response: Response, data: bytes) -> Exception:
    """Return the SDK's error for what a provider reports: a response, or an event of one."""
    import httpx2
    from anthropic import APIStatusError

    request = httpx2.Request("POST", "/v1/messages")
    # As bytes: httpx2 takes text of ASCII alone.
    pairs = response.headers.items()
    headers = [(name.encode(), value.encode(errors="surrogateescape")) for name, value in pairs]
    head = httpx2.Response(response.status, headers=headers, request=request)
    try:
        body = bounded_json.parse(data, MAX_STRUCTURE_CHARACTERS)
    except (ValueError, RecursionError):
        body = None
    return APIStatusError("reported", response=head, body=body)


def translate(error: Exception) -> AskcliError:
    """Return our error for one of a library's, without its text, which may quote the response."""
    import anthropic

    if isinstance(error, NotSent):
        return _not_sent(error)
    if isinstance(error, anthropic.APIStatusError):
        return _from_status(error)
    if isinstance(error, OF_WRONG_EVENTS):
        # The provider's fault or the SDK's or our own: the log has the place, never the text.
        place = traceback.extract_tb(error.__traceback__)[-1:]
        where = ", ".join(f"{frame.filename}:{frame.lineno}" for frame in place)
        log.warning("the answer could not be read: %s in %s", type(error).__name__, where)
        return ProviderFailed(NO_ANSWER)
    if not isinstance(error, _errors_of_transport()):
        log_place(error)
    return Interrupted("The connection to the model broke off; ask again.")


def log_place(error: BaseException) -> None:
    """Log an error that nobody expects, without its text, which may quote a URL or a response."""
    stack = "".join(traceback.format_tb(error.__traceback__))
    log.error("unexpected %s of the SDK:\n%s", type(error).__name__, stack)


def _not_sent(error: NotSent) -> ProviderFailed:
    if not any(isinstance(cause, _errors_of_transport()) for cause in _causes(error)):
        *_, first = error, *_causes(error)
        log_place(first)
        return ProviderFailed("The server could not send the question; try again later.")
    if _lacks_a_file(error):
        log.error("no connection to the model's provider: this process has too many files open")
        return ProviderFailed("The server has too many files open; try again later.")
    return ProviderFailed("The model's provider cannot be reached; try again later.")


def _errors_of_transport() -> tuple[type[Exception], ...]:
    """Return those of a connection, of TLS, of names and URLs, and of what is no HTTP."""
    import aiohttp
    import httpx2
    from aiohttp.http_exceptions import HttpProcessingError

    return OSError, aiohttp.ClientError, HttpProcessingError, httpx2.InvalidURL


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _lacks_a_file(error: Exception) -> bool:
    """Return whether this process, or its host, has as many files open as it may have."""
    return any(
        isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE)
        for cause in _causes(error)
    )


def _from_status(error: Any) -> AskcliError:
    """Return our error for one with a status; an event of a stream has 200, and a type instead."""
    kind = _type(error.body)
    status = int(error.status_code)
    if status == 200:
        status = statuses.OF_TYPE.get(kind or "", 500)
        if (current := exchange.get()) is not None:
            current.event_status = status
    return statuses.failure(status, is_providers=kind is not None, retry_after=_retry_after(error))


def _type(body: Any) -> str | None:
    """Return the type of the error that Anthropic's API describes in its body, None for another."""
    inner = body.get("error") if isinstance(body, dict) and body.get("type") == "error" else None
    kind = inner.get("type") if isinstance(inner, dict) else None
    return kind if isinstance(kind, str) else None


def _retry_after(error: Any) -> int | None:
    """Return the seconds of Retry-After, at most an hour; None if it is invalid.

    A fraction, which some providers send, is rounded up; a date is one of HTTP.
    """
    text = error.response.headers.get("retry-after", "")
    try:
        if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", text, re.ASCII):
            seconds = float(text)
        else:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(0, min(MAX_RETRY_AFTER_SECONDS, math.ceil(seconds)))
