"""How long to wait for a model, and when to ask it again: the upstream policy, in one place.

Four deadlines: to connect (the SDK's, set by the answerer), until text comes (each sign of life,
such as thinking, begins it anew), between two pieces of text, and in all. What failed before any
text was shown is asked again with backoff and jitter, or when the provider says so, if that is
before the first text is due; after that never, because text that a user has seen cannot be taken
back, and would be paid for twice.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from askcli.answerers.base import Answerer, Finish, Piece, Request
from askcli.errors import (
    AskcliError,
    Interrupted,
    ProviderFailed,
    ProviderOverloaded,
    ProviderRejected,
    ProviderTimeout,
)

log = logging.getLogger("askcli.patience")

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Patience:
    """The deadlines, in seconds, and how often a model is asked for one answer at the most."""

    first_token: float
    between_tokens: float
    total: float
    attempts: int

    async def stream(self, answerer: Answerer, request: Request) -> AsyncGenerator[Piece, None]:
        """The answerer's stream, within the deadlines; raises a ProviderFailed or Interrupted."""
        clock = asyncio.get_running_loop().time
        deadline, first = clock() + self.total, clock() + self.first_token
        for attempt in range(1, self.attempts + 1):
            shown = False
            try:
                async with aclosing(self._attempt(answerer, request, deadline)) as pieces:
                    async for piece in pieces:
                        shown = shown or _is_text(piece)
                        yield piece
                return
            except AskcliError as error:
                pause = _pause(error, attempt)
                if shown or pause is None or attempt == self.attempts or clock() + pause >= first:
                    raise
                log.warning("asking again in %.1f s: %s", pause, error.code)
                await asyncio.sleep(pause)

    async def _attempt(
        self, answerer: Answerer, request: Request, deadline: float
    ) -> AsyncGenerator[Piece, None]:
        """One try, each of its steps within its deadline."""
        clock = asyncio.get_running_loop().time
        shown = False
        async with aclosing(answerer.stream(request)) as pieces:
            while True:
                patience = self.between_tokens if shown else self.first_token
                try:
                    async with asyncio.timeout_at(min(deadline, clock() + patience)):
                        piece = await anext(pieces, None)
                except TimeoutError:
                    raise _late(shown=shown, total=clock() >= deadline) from None
                if piece is None:
                    raise Interrupted()
                shown = shown or _is_text(piece)
                yield piece
                if isinstance(piece, Finish):
                    return


def _is_text(piece: Piece) -> bool:
    return isinstance(piece, str) and piece != ""


def _late(*, shown: bool, total: bool) -> ProviderTimeout:
    if total:
        return ProviderTimeout(
            "The answer took longer than this server allows; ask for a shorter one."
        )
    if shown:
        return ProviderTimeout(
            "The model stopped in mid-answer; the text so far is kept. Ask again."
        )
    return ProviderTimeout("The model did not begin to answer in time; try again.")


def _pause(error: AskcliError, attempt: int) -> float | None:
    """Seconds until the next try, None when another try cannot help."""
    if isinstance(error, ProviderRejected) or not isinstance(error, ProviderFailed | Interrupted):
        return None
    if isinstance(error, ProviderTimeout):
        return None  # it has had its time
    if isinstance(error, ProviderOverloaded) and error.retry_after is not None:
        return float(error.retry_after)
    longest = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**attempt)
    return random.uniform(longest / 2, longest)  # noqa: S311 - jitter is no secret
