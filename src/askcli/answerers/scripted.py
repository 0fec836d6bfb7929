"""Answers from a script, for demonstrations and tests, without a model and a network.

The script is a JSON file: a list of replies. A question takes the first reply whose `match` is
in its text (a reply without one matches all). A reply says
`{"match"?, "text"?, "pieces"?, "pause"?, "stop_reason"?, "error"?}`: the text in one piece or
several, `pause` seconds before each piece, and an error's code to fail with after them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from askcli import files
from askcli.answerers.base import Begin, Finish, Piece, Request
from askcli.contract.shapes import Model
from askcli.errors import Misused, ProviderFailed
from askcli.problems import BY_CODE

DEFAULT_SCRIPT: list[dict[str, Any]] = [
    {
        "pieces": [
            "This is the *scripted* answerer: ",
            "it replies from a script and knows nothing. ",
            "Set `ANTHROPIC_API_KEY`, or `ASKCLI_ANSWERER=local`, for a real answer.",
        ]
    }
]


class ScriptedAnswerer:
    """Replies from a script."""

    name = "scripted"
    default_model = "scripted"
    is_loaded = True

    def __init__(self, script: Path | None) -> None:
        self._replies = _read(script) if script else DEFAULT_SCRIPT

    def models(self) -> list[Model]:
        """Return the script as a model."""
        return [Model(id="scripted", answerer=self.name, description="Replies from a script")]

    def max_tokens(self, model: str) -> int:  # noqa: ARG002 - there is one
        """Return a limit that no script reaches."""
        return 100_000

    async def warm(self) -> None:
        """Do nothing."""

    def cost_usd(self, finish: Finish) -> float | None:  # noqa: ARG002 - whatever it was
        """Return 0."""
        return 0.0

    async def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        """Yield a Begin, the reply's pieces, and a Finish. Raises the reply's error."""
        question = request.messages[-1].content
        reply = self._reply(question)
        yield Begin("scripted", len(question.split()))
        pieces = reply.get("pieces") or [reply.get("text", "")]
        for piece in pieces:
            await asyncio.sleep(float(reply.get("pause", 0)))
            yield piece
        if code := reply.get("error"):
            raise BY_CODE.get(code, ProviderFailed)(f"The script says {code}.")
        words = sum(len(piece.split()) for piece in pieces)
        yield Finish(reply.get("stop_reason", "end_turn"), "scripted", len(question.split()), words)

    def _reply(self, question: str) -> dict[str, Any]:
        for reply in self._replies:
            if reply.get("match", "") in question:
                return reply
        raise ProviderFailed("The script has no reply to this question.")

    async def close(self) -> None:
        """Do nothing."""


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        replies = json.loads(files.read(path).decode("utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Misused(f"cannot read the script {path}: {reason}.") from None
    if not isinstance(replies, list) or not all(isinstance(reply, dict) for reply in replies):
        raise Misused(f"the script {path} must be a list of replies.")
    return replies
