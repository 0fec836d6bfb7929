"""Client of the Messages API, by Anthropic's SDK; all calls of models go through it.

The SDK makes the request (see `requests`), on its aiohttp backend, and its errors. The
response is read as bytes: a model of the SDK for each event costs ten times the event
(docs/adr/0002-dependencies.md). The SDK takes two seconds and 75 MB to import, so it is imported
when it is first needed, in a thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, nullcontext
from typing import TYPE_CHECKING, Any

import httpx2

from askcli.answerers.base import Piece, Request
from askcli.answerers.loading import load
from askcli.answerers.messages_api.answer_reader import AnswerReader
from askcli.answerers.messages_api.bounded import bound, parts
from askcli.answerers.messages_api.failures import log_place, translate
from askcli.answerers.messages_api.requests import (
    Requests,
    in_parts,
    note_response,
    pass_trace_on,
)
from askcli.errors import AskcliError, ProviderFailed
from askcli.settings import proxies
from askcli.settings.loopback import is_on_loopback

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic


log = logging.getLogger("askcli.provider")

# From the last event to the end of the response; shorter than any deadline for a piece of text.
END_SECONDS = 0.5
# Of an idle connection. Many servers that people host themselves (uvicorn, so vLLM and LiteLLM;
# Node; Apache) close one after five seconds, and a request on a connection that the provider closes
# at that moment cannot be told from one that it has taken.
IDLE_SECONDS = 2.0
# Of every request, half of its headers, and none of the API: they describe this host.
TELEMETRY = (
    *("X-Stainless-Lang", "X-Stainless-Package-Version", "X-Stainless-OS", "X-Stainless-Arch"),
    *("X-Stainless-Runtime", "X-Stainless-Runtime-Version", "X-Stainless-Async"),
    *("X-Stainless-Timeout", "X-Stainless-Read-Timeout", "X-Stainless-Retry-Count"),
)
NOT_LOADED = (
    "This server could not load what it reaches the model with; try again. If it stays so, its host"
    " must see its log, and restart it."
)


class MessagesClient:
    """Streams answers from an endpoint that speaks the Messages API."""

    def __init__(self, api_key: str, base_url: str | None, connect_seconds: float) -> None:
        """A loopback `base_url` is reached without a proxy."""
        self._api_key = api_key
        self._connect_seconds = connect_seconds
        self._base_url = base_url
        self._client: AsyncAnthropic | None = None
        self._http: httpx2.AsyncClient | None = None
        self._requests = Requests()
        self._opening = asyncio.Lock()

    def change_key(self, api_key: str) -> None:
        """Send this key with requests from now on; those that are being answered go on."""
        self._api_key = api_key
        if self._http is not None:
            import anthropic  # it is loaded

            self._client = self._sdk_client(anthropic, self._http)
            self._requests.change_key()

    @property
    def is_open(self) -> bool:
        """Whether `open` returns at once."""
        return self._client is not None

    async def open(self) -> tuple[AsyncAnthropic, httpx2.AsyncClient]:
        """Return the SDK's client and the HTTP client it uses, created at the first call.

        Raises a ProviderFailed where that fails; another call tries it again.
        """
        if self._client is not None and self._http is not None:
            return self._client, self._http
        async with self._opening:
            if self._client is None or self._http is None:
                try:
                    self._client, self._http = await self._opened()
                except Exception as error:
                    if isinstance(error, AskcliError):
                        log.error("the SDK cannot be loaded: %s", error.detail)
                    else:
                        log_place(error)
                    raise ProviderFailed(NOT_LOADED) from error
            return self._client, self._http

    async def _opened(self) -> tuple[AsyncAnthropic, httpx2.AsyncClient]:
        names = "anthropic", "askcli.answerers.messages_api.connections"
        try:
            sdk, connections = await asyncio.to_thread(load, *names)
        except Exception as error:  # of a file or a thread: no URL has been looked at
            raise AskcliError(f"{type(error).__name__}: {error}") from error
        http = self._http_client(sdk)
        try:
            connections.bound_connections(http)
            return self._sdk_client(sdk, http), http
        except Exception:
            await http.aclose()
            raise

    def _url(self) -> httpx2.URL | None:
        return httpx2.URL(self._base_url) if self._base_url else None

    def _http_client(self, sdk: Any) -> httpx2.AsyncClient:
        """Return the HTTP client; it sends what the URL has before its host as a header.

        aiohttp would take it from the URL as well, and refuse to have it twice.
        """
        url, is_near = self._url(), is_on_loopback(self._base_url)
        with nullcontext() if is_near else proxies.checked(needs_socks=False):
            client: httpx2.AsyncClient = sdk.DefaultAioHttpClient(
                auth=(url.username, url.password) if url and url.userinfo else None,
                trust_env=not is_near,
                event_hooks={
                    "request": [self._requests.note, pass_trace_on, in_parts],
                    "response": [note_response, bound],
                },
                # A redirected request may have been taken, and the key is for one address.
                follow_redirects=False,
                limits=httpx2.Limits(max_connections=1000, keepalive_expiry=IDLE_SECONDS),
            )
        return client

    def _sdk_client(self, sdk: Any, http: httpx2.AsyncClient) -> AsyncAnthropic:
        url = self._url()
        headers: dict[str, Any] = dict.fromkeys(TELEMETRY, sdk.omit)
        headers["accept-encoding"] = "identity"
        if url and url.userinfo:  # its password has the header that the SDK uses for the key
            headers["x-api-key"] = self._api_key
        client: AsyncAnthropic = sdk.AsyncAnthropic(
            api_key=self._api_key,
            base_url=url and url.copy_with(userinfo=b""),
            # The SDK obeys any Retry-After, however long; retries and all deadlines but
            # the connection's are in `services.runs.retries`.
            max_retries=0,
            timeout=sdk.Timeout(None, connect=self._connect_seconds),
            default_headers=headers,
            http_client=http,
        )
        return client

    async def close(self) -> None:
        """Close the client's connections."""
        if self._client is not None:
            await self._client.close()

    async def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        """Yield the pieces of the answer. Raises a ProviderFailed."""
        clients = await self.open()
        try:
            async with aclosing(await self._requests.send(*clients, request)) as response:
                reader = AnswerReader(request.model, response)
                try:
                    async with aclosing(parts(response)) as body:
                        async for part in body:
                            for piece in reader.read(part):
                                yield piece
                            if reader.is_complete:
                                await _read_to_the_end(body, reader)
                                break
                except Exception as error:
                    if not reader.is_complete:
                        raise (_of_success(error) if reader.may_be_billed else error) from error
                    log.info("after the end of an answer: %s", type(error).__name__)
            yield reader.finish()
        except AskcliError:
            raise
        except Exception as error:
            raise translate(error) from error


def _of_success(error: Exception) -> Exception:
    """Return our error for one after a head of success, with which the answer may be billed.

    An error that the provider reports as an event of the stream is as good as a status.
    """
    import anthropic

    if isinstance(error, anthropic.APIStatusError):
        return error
    failure = error if isinstance(error, AskcliError) else translate(error)
    if isinstance(failure, ProviderFailed):
        failure.may_be_billed = True
    return failure


async def _read_to_the_end(body: AsyncIterator[bytes], reader: AnswerReader) -> None:
    """Read what follows a whole answer: only more content takes anything from it.

    It has been received, and is billed, also where the connection fails or stays open, or where the
    provider reports an error or sends what cannot be read.
    """
    async with asyncio.timeout(END_SECONDS):
        async for part in body:
            deque(reader.read(part), maxlen=0)
