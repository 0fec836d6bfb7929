"""Answers from a model on this machine, run by llama.cpp in this process.

llama.cpp's own server listens on a loopback port with a random key and speaks the Messages API,
so a local answer uses the same client as one from Anthropic.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncGenerator
from contextvars import Context
from dataclasses import replace
from typing import Any

from askcli.answerers.base import Begin, Finish, Piece, Request
from askcli.answerers.loading import load
from askcli.answerers.messages_api.messages import MessagesClient
from askcli.contract.shapes import Model
from askcli.errors import ProviderFailed
from askcli.local_models.catalogue import Choice

log = logging.getLogger("askcli.provider")

MAX_TOKENS = 2_048

# Small models ramble without a system prompt, and Qwen's default makes it introduce itself.
SYSTEM = "You are a helpful assistant. Answer briefly and correctly."


class LocalAnswerer:
    """Answers with a GGUF model on this machine."""

    name = "local"

    def __init__(self, choice: Choice) -> None:
        self.default_model = choice.name
        self._choice = choice
        self._loading: asyncio.Task[MessagesClient] | None = None
        self._engine: Any = None
        self._client: MessagesClient | None = None

    def models(self) -> list[Model]:
        """Return the configured model."""
        model = self._choice.model
        text = f"{model.title}: {model.note}" if model else f"{self._choice.path.name}, yours"
        return [Model(id=self.default_model, answerer=self.name, description=text)]

    def max_tokens(self, model: str) -> int:  # noqa: ARG002 - there is one
        """Return the default limit of an answer, in tokens."""
        return MAX_TOKENS

    @property
    def is_loaded(self) -> bool:
        """Whether the model and the SDK are loaded."""
        return self._client is not None and self._client.is_open

    async def warm(self) -> None:
        """Load the model and the SDK at the same time; log it where the model is missing."""
        if self._choice.exists():
            client = await self._ready()
            await client.open()
        else:
            _log_missing(self._choice)

    def cost_usd(self, finish: Finish) -> float | None:  # noqa: ARG002 - whatever it was
        """Return 0."""
        return 0.0

    async def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        """Yield the pieces of the answer. Raises a ProviderFailed."""
        client = await self._ready()
        local_request = replace(request, system=request.system or SYSTEM)
        async for piece in client.stream(local_request):
            yield self._named(piece)

    def _named(self, piece: Piece) -> Piece:
        """Replace the model name that llama.cpp reports, which is the file's."""
        if not isinstance(piece, Begin | Finish):
            return piece
        return replace(piece, model=self.default_model)

    async def close(self) -> None:
        """Close the connections and unload the model."""
        if self._loading is not None:
            self._loading.cancel()
        if self._client is not None:
            await self._client.close()
        self._engine = None

    async def _ready(self) -> MessagesClient:
        """Return the client of the model, once that is loaded. Raises a ProviderFailed."""
        if self._client is not None:
            return self._client
        if self._loading is None:
            # In a context of its own: others may wait for it after the first question has ended.
            self._loading = asyncio.create_task(self._loaded(), context=Context())
            self._loading.add_done_callback(self._on_loaded)
        try:
            # Shielded: its thread cannot be cancelled, and another load would run beside it.
            return await asyncio.shield(self._loading)
        except ProviderFailed as error:
            raise error.copy() from error

    async def _loaded(self) -> MessagesClient:
        key = secrets.token_urlsafe(32)
        try:
            self._engine = await asyncio.to_thread(_load, self._choice, key)
        except RuntimeError as error:  # no thread can be started
            raise _not_loaded(self._choice, error) from error
        self._client = MessagesClient(key, self._engine.listening_address, 10)
        return self._client

    def _on_loaded(self, task: asyncio.Task[MessagesClient]) -> None:
        """Let the next one try again where it has failed."""
        self._loading = None
        if not task.cancelled():
            task.exception()  # else asyncio logs it where nobody waits any more


def _load(choice: Choice, key: str) -> Any:
    if not choice.exists():
        raise ProviderFailed(
            f"The local model {choice.name} is missing; this server's host must fetch it."
        )
    try:
        xllamacpp = load("xllamacpp")
        return xllamacpp.Server(_parameters(xllamacpp, choice, key))
    except Exception as error:  # the binding raises bare RuntimeError, or worse
        raise _not_loaded(choice, error) from error


def _log_missing(choice: Choice) -> None:
    log.error("the local model %s is missing: %s", choice.name, choice.remedy)


def _not_loaded(choice: Choice, error: Exception) -> ProviderFailed:
    log.error("the local model cannot be loaded: %s: %s", type(error).__name__, error)
    return ProviderFailed(f"The local model {choice.path.name} cannot be loaded.")


def _parameters(xllamacpp: Any, choice: Choice, key: str) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(choice.path)
    if choice.model is None:  # not mapped: were it cut off in place, SIGBUS would end the process
        parameters.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [key]
    parameters.n_ctx = choice.context
    # As many threads as cores collapse when another process is busy; one core is the server's.
    parameters.cpuparams.n_threads = max(1, (os.cpu_count() or 2) - 1)
    parameters.verbosity = -1
    parameters.ui = False
    parameters.endpoint_slots = False
    return parameters
