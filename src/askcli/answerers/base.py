"""The protocol of an answerer: it turns a request into a stream of pieces."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, Protocol

from askcli.contract.shapes import Model


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request: the conversation, which ends with the question; `max_tokens` bounds the answer."""

    model: str
    messages: tuple[Message, ...]
    system: str | None
    max_tokens: int

    @property
    def memory(self) -> int:
        """The bytes that its texts take in memory."""
        texts = (self.system or "", *(message.content for message in self.messages))
        return sum(map(sys.getsizeof, texts))


@dataclass(frozen=True, slots=True)
class Begin:
    """The start of an answer as the provider reports it; from here on the input is billed."""

    model: str
    input_tokens: int | None


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of an answer as the provider reports it.

    `stop_reason` is the Messages API's: end_turn, max_tokens, stop_sequence, refusal, ….
    Counts are tokens, None if not reported.
    """

    stop_reason: str
    model: str
    input_tokens: int | None
    output_tokens: int | None


@dataclass(frozen=True, slots=True)
class Spent:
    """What an answer has cost beside its text, so far.

    `has_hidden` says that the model has thought or called a tool; how much it wrote for that, the
    text does not show. `output_tokens` is what the provider has reported of the whole answer, None
    where it has not.
    """

    has_hidden: bool
    output_tokens: int | None


# A text (empty for an event without one), the begin, the end, or what is billed beside the text.
Piece = str | Begin | Spent | Finish


@dataclass(slots=True)
class Exchange:
    """What is known of a try at a model: the response's status, and the provider's id of it.

    `event_status` is the status that an error event of the response stands for. `traceparent` is
    sent as a header, for a gateway that continues the trace. `is_unsent` is true of a try that was
    given up before any of its request was sent.
    """

    status: int | None = None
    event_status: int | None = None
    request_id: str | None = None
    traceparent: str | None = None
    is_unsent: bool = False


# The try that this task makes; the reader of the response's head notes its values here.
exchange: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


class Answerer(Protocol):
    """A source of answers."""

    name: str
    default_model: str

    def models(self) -> list[Model]:
        """Return the available models, the default one among them."""
        ...

    def max_tokens(self, model: str) -> int:
        """Return the default limit of an answer, in tokens."""
        ...

    @property
    def is_loaded(self) -> bool:
        """Whether `warm` has nothing left to do."""
        ...

    async def warm(self) -> None:
        """Load what an answer needs; may be called again.

        Called before each answer: what is loaded costs nothing. Raises a ProviderFailed.
        """
        ...

    def cost_usd(self, finish: Finish) -> float | None:
        """Return the cost in US dollars, None (never 0) where it is unknown."""
        ...

    def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        """Yield a Begin, the text piece by piece, a Spent where it changes, and a Finish.

        Raises a ProviderFailed or a subclass when the answer is incomplete.
        """
        ...

    async def close(self) -> None:
        """Close connections and unload models."""
        ...
