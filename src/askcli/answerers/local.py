"""Answers from a model on this machine, run by llama.cpp inside this process.

llama.cpp's own server listens on a loopback port with a random key and speaks the Messages API,
so a local answer takes the same way as one from Anthropic.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

from askcli.answerers.base import Finish, Piece, Request
from askcli.answerers.messages import MessagesClient
from askcli.contract import Model
from askcli.errors import ProviderFailed
from askcli.local_models.catalogue import Choice

MAX_TOKENS = 2_048

# Small models ramble without one, and Qwen's own default makes it introduce itself.
SYSTEM = "You are a helpful assistant. Answer briefly and correctly."


class LocalAnswerer:
    """Asks a GGUF model on this machine."""

    name = "local"

    def __init__(self, choice: Choice) -> None:
        self.default_model = choice.name
        self._choice = choice
        self._loading = asyncio.Lock()
        self._engine: Any = None
        self._client: MessagesClient | None = None

    def models(self) -> list[Model]:
        """The one model that is set up here."""
        known = self._choice.model
        text = f"{known.title}: {known.note}" if known else f"{self._choice.path.name}, yours"
        return [Model(id=self.default_model, answerer=self.name, description=text)]

    def max_tokens(self, model: str) -> int:  # noqa: ARG002 - there is one
        """How long an answer may become, in tokens."""
        return MAX_TOKENS

    async def warm(self) -> None:
        """Load the model and the SDK, side by side."""
        if self._choice.present():
            client = await self._ready()
            await client.open()

    def cost_usd(self, finish: Finish) -> float | None:  # noqa: ARG002 - whatever it was
        """Nothing."""
        return 0.0

    async def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        """A Begin, the answer's text piece by piece, last its Finish; raises a ProviderFailed."""
        client = await self._ready()
        asked = replace(request, system=request.system or SYSTEM)
        async for piece in client.stream(asked):
            yield self._named(piece)

    def _named(self, piece: Piece) -> Piece:
        """llama.cpp reports the file's name as the model; ours is the one that was asked."""
        return piece if isinstance(piece, str) else replace(piece, model=self.default_model)

    async def close(self) -> None:
        """Close the connections and unload the model."""
        if self._client is not None:
            await self._client.close()
        self._engine = None

    async def _ready(self) -> MessagesClient:
        async with self._loading:
            if self._client is None:
                key = secrets.token_urlsafe(32)
                self._engine = await asyncio.to_thread(_load, self._choice, key)
                self._client = MessagesClient(key, self._engine.listening_address, 10)
            return self._client


def _load(choice: Choice, key: str) -> Any:
    if not choice.present():
        raise ProviderFailed(
            f"The local model {choice.name} is not on this machine yet; run `askcli models pull`."
        )
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(choice.path)
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [key]
    parameters.n_ctx = choice.context
    # With all cores busy generating, two threads on two cores collapse; leave one to the server.
    parameters.cpuparams.n_threads = max(1, (os.cpu_count() or 2) - 1)
    parameters.verbosity = -1
    parameters.ui = False
    parameters.endpoint_slots = False
    try:
        return xllamacpp.Server(parameters)
    except Exception as error:  # the binding raises bare RuntimeError, or worse
        raise ProviderFailed(f"The local model {choice.path.name} cannot be loaded.") from error
