"""Client of the Messages API, by Anthropic's SDK; all calls of models go through it.

`create(stream=True)` on the aiohttp backend, which costs a third of the SDK's `.stream()` helper
on httpx2 for many streams at once (docs/adr/0002-dependencies.md). The SDK takes two seconds and
75 MB to import, so it is imported when it is first needed, in a thread.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import math
import re
import time
import traceback
from collections.abc import AsyncGenerator, AsyncIterator
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from askcli.answerers.base import Piece, Request
from askcli.answerers.bounded import bound
from askcli.answerers.message_events import NO_ANSWER, MessageEvents
from askcli.errors import (
    AskcliError,
    Interrupted,
    ProviderFailed,
    ProviderOverloaded,
    ProviderRejected,
    ProviderTimeout,
)
from askcli.settings.loopback import is_loopback

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic


log = logging.getLogger("askcli.provider")

MAX_RETRY_AFTER_SECONDS = 3600
# From the last event to the end of the response; shorter than any deadline for a piece of text.
END_SECONDS = 0.5


class MessagesClient:
    """Streams answers from an endpoint that speaks the Messages API."""

    def __init__(self, api_key: str, base_url: str | None, connect_seconds: float) -> None:
        """A loopback `base_url` is reached without a proxy."""
        self._api_key = api_key
        self._connect_seconds = connect_seconds
        self._base_url = base_url
        self._client: AsyncAnthropic | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> AsyncAnthropic:
        """Return the SDK's client, created at the first call."""
        async with self._opening:
            if self._client is None:
                sdk = await asyncio.to_thread(importlib.import_module, "anthropic")
                self._client = sdk.AsyncAnthropic(
                    api_key=self._api_key,
                    base_url=self._base_url,
                    # The SDK obeys any Retry-After, however long; retries and all deadlines but
                    # the connection's are in `services.runs.retries`.
                    max_retries=0,
                    timeout=sdk.Timeout(None, connect=self._connect_seconds),
                    default_headers={"accept-encoding": "identity"},
                    http_client=sdk.DefaultAioHttpClient(
                        trust_env=not is_loopback(urlsplit(self._base_url or "").hostname or ""),
                        event_hooks={"response": [bound]},
                    ),
                )
            return self._client

    async def close(self) -> None:
        """Close the client's connections."""
        if self._client is not None:
            await self._client.close()

    async def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        """Yield a Begin, the text piece by piece, and a Finish. Raises a ProviderFailed."""
        client = await self.open()
        try:
            async for piece in _pieces(client, request):
                yield piece
        except (AskcliError, GeneratorExit, asyncio.CancelledError):
            raise
        except Exception as error:
            raise translate(error) from error


async def _pieces(client: AsyncAnthropic, request: Request) -> AsyncGenerator[Piece, None]:
    reader = MessageEvents(request.model)
    async with await client.messages.create(**_arguments(request), stream=True) as events:
        is_stream = "text/event-stream" in events.response.headers.get("content-type", "")
        remaining = aiter(events)
        try:
            async for event in remaining:
                yield reader.read(event)
                if reader.is_complete:
                    await _read_to_the_end(remaining, reader)
                    break
        except Exception as error:
            raise (_of_stream(error) if is_stream else error) from error
    yield reader.finish(is_stream=is_stream)


def _of_stream(error: Exception) -> Exception:
    """Return our error for one after the head of a stream of events, which may be billed.

    An error that the provider reports as an event of the stream is as good as a status.
    """
    import anthropic

    if isinstance(error, anthropic.APIStatusError):
        return error
    failure = error if isinstance(error, AskcliError) else translate(error)
    if isinstance(failure, ProviderFailed):
        failure.may_be_billed = True
    return failure


async def _read_to_the_end(events: AsyncIterator[Any], reader: MessageEvents) -> None:
    """Read what follows a whole answer: only more content takes anything from it.

    It has been received, and is billed, also where the connection fails or stays open, or where the
    provider reports an error or sends what cannot be read.
    """
    try:
        async with asyncio.timeout(END_SECONDS):
            async for event in events:
                reader.read(event)
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is whole
        log.info("after the end of an answer: %s", type(error).__name__)


def _arguments(request: Request) -> dict[str, Any]:
    turns = [{"role": turn.role, "content": turn.content} for turn in request.messages]
    arguments = {"model": request.model, "max_tokens": request.max_tokens, "messages": turns}
    return arguments | ({"system": request.system} if request.system else {})


def translate(error: Exception) -> AskcliError:
    """Return our error for one of the SDK's, without its text, which may quote the response."""
    import anthropic

    # Time-outs too: the SDK's only time-out is that of the connection.
    if isinstance(error, anthropic.APIConnectionError):
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
