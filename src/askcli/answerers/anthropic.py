"""Answers from Anthropic, or from any endpoint that speaks its Messages API."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from askcli.answerers import prices
from askcli.answerers.base import Finish, Piece, Request
from askcli.answerers.messages_api.messages import MessagesClient
from askcli.contract.shapes import Model

# Anthropic's current models, fast to slow, on 2026-11-22; source: the models overview in its
# documentation. Sonnet is the default: the family's middle, called the best combination of speed
# and intelligence, and a general question needs both.
KNOWN = {
    "claude-haiku-5-5": "Claude Haiku 5.5: the fastest and cheapest",
    "claude-sonnet-5-5": "Claude Sonnet 5.5: fast and clever, for most questions",
    "claude-opus-5-5": "Claude Opus 5.5: for hard questions, slower",
}
DEFAULT_MODEL = "claude-sonnet-5-5"

# Generous, because thinking counts too; above about 21,000 the API requires streaming.
MAX_TOKENS = 16_000


class AnthropicAnswerer:
    """Answers with Anthropic's API."""

    name = "anthropic"

    def __init__(
        self, api_key: str, base_url: str | None, model: str | None, connect_seconds: float
    ) -> None:
        self.default_model = model or DEFAULT_MODEL
        self._client = MessagesClient(api_key, base_url, connect_seconds)

    def change_key(self, api_key: str) -> None:
        """Send this key with requests from now on; those that are being answered go on."""
        self._client.change_key(api_key)

    def models(self) -> list[Model]:
        """Return the known models and the configured one."""
        models = {self.default_model: "Set by this server's host"} | KNOWN
        return [Model(id=id_, answerer=self.name, description=text) for id_, text in models.items()]

    def max_tokens(self, model: str) -> int:  # noqa: ARG002 - the same for all of them
        """Return the default limit of an answer, in tokens."""
        return MAX_TOKENS

    @property
    def is_loaded(self) -> bool:
        """Whether the SDK is imported."""
        return self._client.is_open

    async def warm(self) -> None:
        """Import the SDK. Raises a ProviderFailed."""
        await self._client.open()

    def cost_usd(self, finish: Finish) -> float | None:
        """Return the cost by Anthropic's list prices, None for a model without a price."""
        return prices.cost_usd(finish)

    def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        """Stream the pieces of the answer. Raises a ProviderFailed."""
        return self._client.stream(request)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
