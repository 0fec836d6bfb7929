"""Client of the Messages API, by Anthropic's SDK; all calls of models go through it.

`create(stream=True)` on the aiohttp backend, which costs a third of the SDK's `.stream()` helper
on httpx2 for many streams at once (docs/adr/0002-dependencies.md). The SDK takes two seconds and
75 MB to import, so it is imported when it is first needed, in a thread.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2

from askcli.answerers.base import Piece, Request
from askcli.answerers.bounded import bound
from askcli.answerers.failures import translate
from askcli.answerers.message_events import MessageEvents
from askcli.errors import AskcliError, ProviderFailed
from askcli.settings.loopback import is_loopback

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic


log = logging.getLogger("askcli.provider")

# From the last event to the end of the response; shorter than any deadline for a piece of text.
END_SECONDS = 0.5
# Of an idle connection. Many servers that people host themselves (uvicorn, so vLLM and LiteLLM;
# Node; Apache) close one after five seconds, and a request on a connection that the provider closes
# at that moment cannot be told from one that it has taken.
IDLE_SECONDS = 2.0


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
                        # A redirected request may have been taken, and the key is for one address.
                        follow_redirects=False,
                        limits=httpx2.Limits(max_connections=1000, keepalive_expiry=IDLE_SECONDS),
                    ),
                )
            return self._client

    async def close(self) -> None:
        """Close the client's connections."""
        if self._client is not None:
            await self._client.close()

    async def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        """Yield the pieces of the answer. Raises a ProviderFailed."""
        try:
            async for piece in _pieces(await self.open(), request):
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
