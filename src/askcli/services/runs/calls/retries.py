"""Deadlines and retries of calls to a model.

Four deadlines: to connect (the answerer's own), until the first text (each event
without text, such as thinking, restarts it), between two pieces of text, and in all. An attempt
that failed before a response began is repeated with backoff and jitter, or when the provider says
so, if that is before the deadline of the first text. An attempt that has begun, that broke off
after the head of its response, or that a gateway may have passed on is never repeated: the provider
may bill it, and text that was shown cannot be taken back.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
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
from askcli.services.runs.calls.tries import Attempts
from askcli.services.runs.waits import Patience

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The deadlines in seconds, and the number of attempts for one answer."""

    first_token: float
    between_tokens: float
    total: float
    attempts: int

    async def prepare(self, answerer: Answerer) -> None:
        """Load what the answerer needs before its first request. Raises a ProviderFailed."""
        if answerer.is_loaded:
            return
        try:
            async with asyncio.timeout(self.first_token):
                await answerer.warm()
        except TimeoutError:
            raise _timeout(has_text=False, is_total=False) from None

    async def stream(
        self,
        answerer: Answerer,
        request: Request,
        attempts: Attempts,
        confirm: Callable[[], Awaitable[None]],
    ) -> AsyncGenerator[Piece, None]:
        """Stream an answer within the deadlines, and note whether it may be billed.

        Raises a ProviderFailed or Interrupted, or what `confirm` raises, before another attempt,
        if the question is no longer to be sent.
        """
        clock = asyncio.get_running_loop().time
        deadline, first_deadline = clock() + self.total, clock() + self.first_token
        for attempt in range(1, self.attempts + 1):
            has_begun = False
            attempts.begin(request.model)
            try:
                async with aclosing(self._attempt(answerer, request, deadline)) as pieces:
                    async for piece in pieces:
                        has_begun = True
                        yield piece
                return
            except AskcliError as error:
                attempts.billable = has_begun or _may_be_billed(error)
                delay = None if attempts.billable else _retry_delay(error, attempt)
                if attempt == self.attempts or clock() + (delay or 0) >= first_deadline:
                    delay = None
                attempts.failed(error, delay)
                if delay is None:
                    raise
                await asyncio.sleep(delay)
                await confirm()  # it may have ended in the pause, which a stopped process prolongs

    async def _attempt(
        self, answerer: Answerer, request: Request, deadline: float
    ) -> AsyncGenerator[Piece, None]:
        """Make one attempt, each step within its deadline."""
        clock = asyncio.get_running_loop().time
        has_text = False
        try:
            async with Patience() as patience, aclosing(answerer.stream(request)) as pieces:
                while True:
                    seconds = self.between_tokens if has_text else self.first_token
                    patience.begin(min(deadline, clock() + seconds))
                    piece = await anext(pieces, None)
                    patience.end()
                    if piece is None:
                        raise Interrupted()
                    has_text = has_text or _is_text(piece)
                    yield piece
                    if isinstance(piece, Finish):
                        return
        except TimeoutError:
            is_total = clock() >= deadline
            raise _timeout(has_text=has_text, is_total=is_total) from None


def _may_be_billed(error: AskcliError) -> bool:
    """Return whether the provider may have begun an answer of which nothing has arrived."""
    if isinstance(error, ProviderFailed) and error.may_be_billed:
        return True
    return isinstance(error, Interrupted | ProviderTimeout)


def _is_text(piece: Piece) -> bool:
    return isinstance(piece, str) and piece != ""


def _timeout(*, has_text: bool, is_total: bool) -> ProviderTimeout:
    if is_total:
        return ProviderTimeout(
            "The answer took longer than this server allows; ask for a shorter one."
        )
    if has_text:
        return ProviderTimeout(
            "The model stopped in mid-answer; the text so far is kept. Ask again."
        )
    return ProviderTimeout("The model did not begin to answer in time; try again.")


def _retry_delay(error: AskcliError, attempt: int) -> float | None:
    """Seconds until the next attempt, None when another one cannot help."""
    if isinstance(error, ProviderRejected) or not isinstance(error, ProviderFailed):
        return None
    if isinstance(error, ProviderOverloaded) and error.retry_after is not None:
        return float(error.retry_after)
    longest = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**attempt)
    return random.uniform(longest / 2, longest)  # noqa: S311 - jitter is no secret
