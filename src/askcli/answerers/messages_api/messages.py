"""Client of the Messages API, by Anthropic's SDK; all calls of models go through it.

The SDK makes the request and its errors, and aiohttp's connections send it (see `requests`). The
response is read as bytes: a model of the SDK for each event costs ten times the event
(docs/adr/0002-dependencies.md). The SDK takes long to import and much memory, so its parts that
are needed are imported when it is first needed, in a thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

from askcli.answerers import lazy_packages
from askcli.answerers.base import Piece, Request
from askcli.answerers.loading import load
from askcli.answerers.messages_api.answer_reader import AnswerReader
from askcli.answerers.messages_api.bounded import parts
from askcli.answerers.messages_api.failures import log_place, translate
from askcli.errors import AskcliError, ProviderFailed

if TYPE_CHECKING:
    from askcli.answerers.messages_api.requests import Requests

log = logging.getLogger("askcli.provider")

# From the last event to the end of the response; shorter than any deadline for a piece of text.
END_SECONDS = 0.5
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
        self._requests: Requests | None = None
        self._opening = asyncio.Lock()

    def change_key(self, api_key: str) -> None:
        """Send this key with requests from now on; those that are being answered go on."""
        self._api_key = api_key
        if self._requests is not None:
            self._requests.change_key(api_key)

    @property
    def is_open(self) -> bool:
        """Whether `open` returns at once."""
        return self._requests is not None

    async def open(self) -> Requests:
        """Return what sends requests, created at the first call.

        Raises a ProviderFailed where that fails; another call tries it again.
        """
        if self._requests is not None:
            return self._requests
        async with self._opening:
            if self._requests is None:
                try:
                    self._requests = await self._opened()
                except Exception as error:
                    if isinstance(error, AskcliError):
                        log.error("the SDK cannot be loaded: %s", error.detail)
                    else:
                        log_place(error)
                    raise ProviderFailed(NOT_LOADED) from error
            return self._requests

    async def _opened(self) -> Requests:
        try:
            requests = await asyncio.to_thread(_load)
        except Exception as error:  # of a file or a thread: no URL has been looked at
            raise AskcliError(f"{type(error).__name__}: {error}") from error
        opened: Requests = requests.Requests(self._api_key, self._base_url, self._connect_seconds)
        return opened

    async def close(self) -> None:
        """Close the connections."""
        if self._requests is not None:
            await self._requests.close()

    async def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        """Yield the pieces of the answer. Raises a ProviderFailed."""
        requests = await self.open()
        try:
            with closing(await requests.send(request)) as response:
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


def _load() -> Any:
    """Import what needs the SDK, and of the SDK what that needs; all of it where that fails.

    A version of the SDK that is to come may depend on the order in which its packages load theirs.
    """
    name = f"{__package__}.requests"
    lazy_packages.load_lazily("anthropic")
    try:
        return load(name)
    except (ImportError, AttributeError, TypeError) as error:
        log.warning("the SDK is loaded whole: %s", type(error).__name__)
    lazy_packages.load_whole("anthropic")
    return load(name)


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
