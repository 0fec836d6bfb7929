"""Deadlines and retries of calls to a model, with an answerer that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import cast

import pytest

from askcli.answerers.base import Answerer, Begin, Finish, Piece, Request
from askcli.errors import (
    AskcliError,
    Cancelled,
    Interrupted,
    ProviderFailed,
    ProviderOverloaded,
    ProviderRejected,
    ProviderTimeout,
)
from askcli.services.runs.calls import retries
from askcli.services.runs.calls.retries import RetryPolicy
from askcli.services.runs.calls.tries import Attempts

REQUEST = Request("model", (), None, 100)
FINISH = Finish("end_turn", "model", 1, 2)
FOREVER = 60.0

# A step of an attempt: a piece, an error to raise, or the seconds to be silent.
Step = Piece | AskcliError | float


class Scripted:
    """An answerer whose attempts are scripted, and the number of those made."""

    def __init__(self, *attempts: list[Step]) -> None:
        self._attempts = attempts
        self.made = 0

    async def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        steps = self._attempts[min(self.made, len(self._attempts) - 1)]
        self.made += 1
        for step in steps:
            if isinstance(step, AskcliError):
                raise step
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                yield step


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_BACKOFF_SECONDS", 0.001)


async def confirmed() -> None:
    """The question is still the run's."""


def answer(
    script: Scripted,
    attempts: Attempts | None = None,
    confirm: Callable[[], Awaitable[None]] = confirmed,
    /,
    *,
    first_token: float = FOREVER,
    between_tokens: float = FOREVER,
    total: float = FOREVER,
) -> list[Piece]:
    """The pieces that a policy of three attempts lets through, and its error in the end."""
    policy = RetryPolicy(first_token, between_tokens, total, attempts=3)

    async def collect() -> list[Piece]:
        stream = policy.stream(cast(Answerer, script), REQUEST, attempts or Attempts(), confirm)
        async with aclosing(stream) as pieces:
            return [piece async for piece in pieces]

    return asyncio.run(collect())


def test_an_answer_passes_as_it_is() -> None:
    script = Scripted(["one ", "two", FINISH])
    assert answer(script) == ["one ", "two", FINISH]
    assert script.made == 1


@pytest.mark.parametrize("failure", [ProviderFailed, ProviderOverloaded])
def test_a_failure_before_the_answer_began_is_tried_again(
    failure: Callable[[], AskcliError],
) -> None:
    script = Scripted([failure()], [failure()], ["", "here", FINISH])
    assert answer(script) == ["", "here", FINISH]
    assert script.made == 3


@pytest.mark.parametrize(
    ("script", "billable"),
    [
        ([[ProviderFailed()], ["here", FINISH]], 1),
        ([[Interrupted()]], 1),
        ([[ProviderFailed(may_be_billed=True)]], 1),
        ([[ProviderOverloaded()]], 0),
        ([[ProviderOverloaded()], [Begin("a-model", 11), ProviderOverloaded()]], 1),
        ([[ProviderOverloaded()], [ProviderTimeout()]], 1),
        ([[ProviderRejected()]], 0),
    ],
)
def test_every_attempt_that_may_be_billed_is_counted(
    script: list[list[Step]], billable: int
) -> None:
    attempts = Attempts()
    with suppress(AskcliError):
        answer(Scripted(*script), attempts)
    assert attempts.billable == billable


def test_what_has_begun_without_text_is_never_tried_again() -> None:
    """The provider has billed its input, and perhaps minutes of thinking."""
    script = Scripted([Begin("a-model", 11), "", ProviderFailed()], ["here", FINISH])
    with pytest.raises(ProviderFailed):
        answer(script)
    assert script.made == 1


def test_there_are_no_more_attempts_than_the_policy_has() -> None:
    script = Scripted([ProviderOverloaded()])
    with pytest.raises(ProviderOverloaded):
        answer(script)
    assert script.made == 3


def test_what_ended_elsewhere_before_another_attempt_is_not_sent_again() -> None:
    async def ended() -> None:
        raise Cancelled()

    script, attempts = Scripted([ProviderOverloaded()], ["here", FINISH]), Attempts()
    with pytest.raises(Cancelled):
        answer(script, attempts, ended)
    assert script.made == 1
    assert not attempts.billable


def test_what_has_shown_text_is_never_tried_again() -> None:
    script = Scripted(["begun", ProviderFailed()])
    with pytest.raises(ProviderFailed):
        answer(script)
    assert script.made == 1


def test_a_rejected_request_is_never_tried_again() -> None:
    script = Scripted([ProviderRejected()])
    with pytest.raises(ProviderRejected):
        answer(script)
    assert script.made == 1


def test_a_retry_after_beyond_the_first_deadline_is_not_waited_for() -> None:
    script = Scripted([ProviderOverloaded(retry_after=120)])
    with pytest.raises(ProviderOverloaded):
        answer(script, first_token=30)
    assert script.made == 1


def test_an_end_without_a_finish_is_an_interruption() -> None:
    with pytest.raises(Interrupted):
        answer(Scripted(["half"]))


@pytest.mark.parametrize(
    ("steps", "deadlines", "message"),
    [
        ([FOREVER], {"first_token": 0.01}, "did not begin"),
        (["begun", FOREVER], {"between_tokens": 0.01}, "stopped in mid-answer"),
        (["begun", FOREVER], {"total": 0.01}, "took longer"),
    ],
)
def test_each_deadline_ends_the_answer_for_its_own_reason(
    steps: list[Step], deadlines: dict[str, float], message: str
) -> None:
    script = Scripted(steps)
    with pytest.raises(ProviderTimeout, match=message):
        answer(script, **deadlines)
    assert script.made == 1
