"""Errors of Anthropic's SDK as this package's own: what may be billed, and what may be retried."""

from __future__ import annotations

import logging
import math
import re
import time
import traceback
from email.utils import parsedate_to_datetime
from typing import Any

from askcli.answerers.message_events import NO_ANSWER
from askcli.errors import (
    AskcliError,
    Interrupted,
    ProviderFailed,
    ProviderOverloaded,
    ProviderRejected,
    ProviderTimeout,
)

log = logging.getLogger("askcli.provider")

MAX_RETRY_AFTER_SECONDS = 3600


def translate(error: Exception) -> AskcliError:
    """Return our error for one of the SDK's, without its text, which may quote the response."""
    import anthropic

    if isinstance(error, anthropic.APIConnectionError) and _was_not_sent(error):
        return ProviderFailed("The model's provider cannot be reached; try again later.")
    if isinstance(error, anthropic.APIStatusError):
        return _from_status(_status(error), _retry_after(error))
    if isinstance(error, ValueError | AssertionError | AttributeError | TypeError):
        # The provider's fault or the SDK's or our own: the log has the place, never the text.
        place = traceback.extract_tb(error.__traceback__)[-1:]
        where = ", ".join(f"{frame.filename}:{frame.lineno}" for frame in place)
        log.warning("the answer could not be read: %s in %s", type(error).__name__, where)
        return ProviderFailed(NO_ANSWER)
    return Interrupted("The connection to the model broke off; ask again.")


def _was_not_sent(error: Exception) -> bool:
    """Return whether the request certainly did not reach the provider.

    By the errors of aiohttp: the SDK calls a connection that broke after the request "not made",
    too. What broke while the request was sent may have arrived whole.
    """
    import aiohttp

    not_sent = (
        aiohttp.ClientConnectorError,  # also of a name, of TLS and of a proxy
        aiohttp.ConnectionTimeoutError,
        aiohttp.ClientHttpProxyError,
        aiohttp.InvalidURL,
    )
    cause = error.__cause__
    while cause is not None and not isinstance(cause, not_sent):
        cause = cause.__cause__
    return cause is not None


# An error event in mid-stream arrives as status 200; its type says what it is.
_STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}


def _status(error: Any) -> int:
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error")
    kind = inner.get("type") if isinstance(inner, dict) else None
    if error.status_code != 200:
        return int(error.status_code)
    return _STATUS_OF_TYPE.get(str(kind), 500)


def _retry_after(error: Any) -> int | None:
    """Return the seconds of Retry-After, at most an hour; None for what is none of its forms.

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


def _from_status(status: int, retry_after: int | None) -> AskcliError:
    if 300 <= status < 400:
        return ProviderRejected(
            "The model's provider redirects to another address; "
            "this server's host must check ANTHROPIC_BASE_URL."
        )
    if status in (401, 403):
        return ProviderRejected(
            "The model's provider refused this server's key; its host must check ANTHROPIC_API_KEY."
        )
    if status == 404:
        return ProviderRejected("The model's provider does not know this model; choose another.")
    if status in (400, 413, 422):
        return ProviderRejected(
            "The model's provider refused the question; it may be too long for the model."
        )
    if status in (429, 529):
        return ProviderOverloaded(
            "The model is overloaded; try again shortly.", retry_after=retry_after
        )
    if status in (408, 504):
        return ProviderTimeout("The model did not answer in time; try again.")
    return ProviderFailed(f"The model's provider failed ({status}); try again later.")
