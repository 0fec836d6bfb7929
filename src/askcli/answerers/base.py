"""The protocol of an answerer: a request goes in, pieces of text and a finish come out."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

from askcli.contract import Model


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """What to answer: the turns so far, the last of them the question; `max_tokens` of answer."""

    model: str
    messages: tuple[Message, ...]
    system: str | None
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Begin:
    """What a provider says before the first word: from here on the question costs its tokens."""

    model: str
    input_tokens: int | None


@dataclass(frozen=True, slots=True)
class Finish:
    """How an answer ended, as its provider reports it.

    `stop_reason` is the Messages API's: end_turn, max_tokens, stop_sequence, refusal, ….
    Counts are tokens; None where the provider did not say.
    """

    stop_reason: str
    model: str
    input_tokens: int | None
    output_tokens: int | None


# A piece of text (empty for a sign of life without any, such as thinking), or what frames it.
Piece = str | Begin | Finish


class Answerer(Protocol):
    """Something that answers questions."""

    name: str
    default_model: str

    def models(self) -> list[Model]:
        """The models that may be asked, the default one among them."""
        ...

    def max_tokens(self, model: str) -> int:
        """How long an answer may become when the question does not say, in tokens."""
        ...

    async def warm(self) -> None:
        """Do what is slow about the first answer, now; may be called again and fail silently."""
        ...

    def cost_usd(self, finish: Finish) -> float | None:
        """What an answer cost, in US dollars; None where nobody here knows, never 0 then."""
        ...

    def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        """A Begin, the answer's text piece by piece, and last its Finish.

        Raises a ProviderFailed, or a subclass, when there is no whole answer.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and models."""
        ...
