"""Answers from Anthropic, or from any endpoint that speaks its Messages API."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import suppress

from askcli.answerers import prices
from askcli.answerers.base import Finish, Piece, Request
from askcli.answerers.messages import MessagesClient
from askcli.contract import Model
from askcli.errors import ProviderFailed

# Anthropic's current models, fast to slow, on 2026-11-22; source: the models overview in its
# documentation. Sonnet is the default: the family's middle, called the best combination of speed
# and intelligence, and a general question needs both.
KNOWN = {
    "claude-haiku-5-5": "Claude Haiku 5.5: the fastest and cheapest",
    "claude-sonnet-5-5": "Claude Sonnet 5.5: fast and clever, for most questions",
    "claude-opus-5-5": "Claude Opus 5.5: for hard questions, slower",
}
DEFAULT_MODEL = "claude-sonnet-5-5"

# Thinking counts too, so it must be generous; above about 21,000 the API insists on streaming,
# and we always stream.
MAX_TOKENS = 16_000


class AnthropicAnswerer:
    """Asks Anthropic's API."""

    name = "anthropic"

    def __init__(
        self, api_key: str, base_url: str | None, model: str | None, connect_seconds: float
    ) -> None:
        self.default_model = model or DEFAULT_MODEL
        self._client = MessagesClient(api_key, base_url, connect_seconds)

    def models(self) -> list[Model]:
        """The known models, and the one that the host has set."""
        known = {self.default_model: "Set by this server's host"} | KNOWN
        return [Model(id=id_, answerer=self.name, description=text) for id_, text in known.items()]

    def max_tokens(self, model: str) -> int:  # noqa: ARG002 - the same for all of them
        """How long an answer may become, in tokens."""
        return MAX_TOKENS

    async def warm(self) -> None:
        """Import the SDK."""
        with suppress(ProviderFailed):
            await self._client.open()

    def cost_usd(self, finish: Finish) -> float | None:
        """What an answer cost by Anthropic's list prices; None for a model that is not on them."""
        return prices.cost_usd(finish)

    def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        """A Begin, the answer's text piece by piece, last its Finish; raises a ProviderFailed."""
        return self._client.stream(request)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
