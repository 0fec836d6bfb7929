"""The events of one streamed answer of the Messages API, accepted in their order alone.

`message_start`, then blocks of content (each started, continued and stopped by its index), then
`message_delta` with the stop reason, then `message_stop`, then no more content. An answer whose
events come in another order may lack text, or have it twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from askcli.answerers.base import Begin, Finish, Piece, Spent
from askcli.answerers.storable_text import storable
from askcli.errors import Interrupted, ProviderFailed

# Far more than any answer has: what is kept of a block, its index and type, is bounded as well.
MAX_BLOCKS = 10_000
MAX_TYPE_CHARACTERS = 100

NO_ANSWER = "The model's provider sent something that is not an answer."


class MessageEvents:
    """The state of one answer while its events are read."""

    __slots__ = ("_begin", "_blocks", "_has_hidden", "_has_more", "_input_tokens", "_model",
                 "_output_tokens", "_stop_reason", "is_complete")  # fmt: skip

    def __init__(self, model: str) -> None:
        self._begin: Begin | None = None
        self._model = model
        # The types of the blocks that have started, by index; None of those that have stopped.
        self._blocks: dict[int, str | None] = {}
        self._stop_reason: str | None = None
        self._input_tokens: int | None = None
        self._output_tokens: int | None = None
        self._has_hidden = False
        self.is_complete = False
        self._has_more = False  # content after the end

    def read(self, event: Any) -> Piece:
        """Return the piece of an event: a Begin, a Spent, or its text, empty where it has none.

        Unknown types are skipped, as the API asks of its clients. Raises ProviderFailed for an
        event that may not come now; LookupError, TypeError or AttributeError for one that lacks
        what it must have.
        """
        type_ = event["type"]
        if self.is_complete:
            self._has_more = self._has_more or str(type_).startswith("content_block_")
            return ""
        _check((self._begin is None) == (type_ == "message_start"))
        handler = self._HANDLERS.get(type_)
        return handler(self, event) if handler else ""

    @property
    def has_begun(self) -> bool:
        """Whether the start of the message has come."""
        return self._begin is not None

    def finish(self) -> Finish:
        """Return the Finish, at the end of the response.

        Raises Interrupted if it ended early; ProviderFailed if content followed its end.
        """
        _check(not self._has_more)
        if self._begin is None or not self.is_complete or self._stop_reason is None:
            raise Interrupted()
        return Finish(self._stop_reason, self._begin.model, self._input_tokens, self._output_tokens)

    def _message_start(self, event: Any) -> Piece:
        message = event["message"]
        self._input_tokens = _input(message["usage"]["input_tokens"])
        self._begin = Begin(_word(message["model"]) or self._model, self._input_tokens)
        return self._begin

    def _block_start(self, event: Any) -> Piece:
        index, block = event["index"], event["content_block"]
        type_ = block["type"]
        _check(_count(index) is not None)
        _check(isinstance(type_, str) and len(type_) <= MAX_TYPE_CHARACTERS)
        text: str = block["text"] if type_ == "text" else ""
        # llama.cpp starts an open block again, without text, when its last words come with the end.
        if index in self._blocks:
            _check(self._blocks[index] == type_ and not text)
        _check(self._stop_reason is None and isinstance(text, str))
        _check(len(self._blocks) < MAX_BLOCKS)
        self._blocks[index] = type_
        return text if type_ == "text" else self._hidden()

    def _block_delta(self, event: Any) -> Piece:
        index, delta = event["index"], event["delta"]
        type_ = self._blocks.get(index)
        _check(type_ is not None)
        if delta["type"] != "text_delta":
            return "" if type_ == "text" else self._hidden()
        text: str = delta["text"]
        _check(type_ == "text" and isinstance(text, str))
        return text

    def _block_stop(self, event: Any) -> Piece:
        index = event["index"]
        _check(self._blocks.get(index) is not None)
        self._blocks[index] = None
        return ""

    def _message_delta(self, event: Any) -> Piece:
        _check(all(type_ is None for type_ in self._blocks.values()))
        self._stop_reason = _word(event["delta"].get("stop_reason"))
        usage = event["usage"]
        self._output_tokens = _count(usage["output_tokens"])
        # Cumulative counts: a gateway to another API may know the input's only now.
        counts = self._input_tokens, _input(usage.get("input_tokens"))
        self._input_tokens = max(filter(None, counts), default=None)
        return Spent(self._has_hidden, self._output_tokens)

    def _hidden(self) -> Spent:
        self._has_hidden = True
        return Spent(self._has_hidden, self._output_tokens)

    def _message_stop(self, _event: Any) -> Piece:
        self.is_complete = True
        return ""

    _HANDLERS: ClassVar[dict[str, Callable[[MessageEvents, Any], Piece]]] = {
        "message_start": _message_start,
        "content_block_start": _block_start,
        "content_block_delta": _block_delta,
        "content_block_stop": _block_stop,
        "message_delta": _message_delta,
        "message_stop": _message_stop,
    }


def _check(is_right: bool) -> None:
    if not is_right:
        raise ProviderFailed(NO_ANSWER)


def _count(value: Any) -> int | None:
    """Return the value if it is a valid count, which a bool is not."""
    return value if type(value) is int and 0 <= value < 2**31 else None


def _input(value: Any) -> int | None:
    """Return a count of input tokens; None for 0, which gateways send that do not know it yet."""
    return _count(value) or None


def _word(value: Any) -> str | None:
    return storable(value[:50]) if isinstance(value, str) else None
