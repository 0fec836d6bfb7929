"""Spending: what a question may cost while it is answered, and what it has cost then.

A question reserves what it may cost at most in the transaction that stores it, and is refused when
what was spent and reserved before has reached the user's quota. So of any number of questions at
once, on any number of servers, the last one let in is all that can go over it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from askcli.answerers.base import Finish, Request
from askcli.errors import (
    AccountDisabled,
    AskcliError,
    Cancelled,
    Interrupted,
    NotFound,
    ProviderTimeout,
)
from askcli.services.runs.run import Run
from askcli.services.usage.quotas import Quota, check
from askcli.store import usage, users

BYTES_PER_TOKEN = 3  # fewer than a token has in most text: an estimate should rather be too high

Price = Callable[[Finish], float | None]


class Spending:
    """What questions cost; `quota` is the server's, `price` what an answer costs."""

    def __init__(self, quota: Quota, price: Price) -> None:
        self._quota = quota
        self._price = price

    def reserve(self, connection: Connection, row: Mapping[str, Any], request: Request) -> None:
        """Reserve what a question, about to be stored, may cost.

        Raises QuotaExceeded, Unpriced where the quota is in dollars and the model's price is
        unknown, AccountDisabled, or NotFound for a user who was deleted meanwhile.
        """
        user = users.lock(connection, row["user_id"])
        if user is None:
            raise NotFound("user")
        if user["disabled_at"]:
            raise AccountDisabled()
        tokens_in = sum(estimate(message.content) for message in request.messages)
        most = Finish("", request.model, tokens_in + estimate(request.system), request.max_tokens)
        cost = self._price(most)
        check(connection, row["user_id"], self._quota.of(user), is_priced=cost is not None)
        usage.reserve(
            connection,
            {"question_id": row["id"], "user_id": row["user_id"], "created_at": row["created_at"]}
            | _spent(most, cost),
        )

    def settle(
        self,
        connection: Connection,
        run: Run,
        finish: Finish | None,
        error: AskcliError | None,
    ) -> None:
        """Note what a run has cost, once it has ended."""
        question_id = UUID(run.question["id"])
        reserved = usage.reserved(connection, question_id)
        if reserved is not None:
            usage.settle(connection, question_id, self._cost(run, finish, error, reserved))

    def _cost(
        self,
        run: Run,
        finish: Finish | None,
        error: AskcliError | None,
        reserved: Mapping[Any, Any],
    ) -> dict[str, Any]:
        """As the provider reports it; what it did not report is estimated.

        Otherwise who always breaks off before the report would pay for nothing.
        """
        asked = str(reserved["model"])
        if finish is None and run.begin is None and not _may_be_billed(run, error):
            return _spent(Finish("", asked, 0, 0), 0.0)
        tokens_in, tokens_out = _reported(run, finish)
        counted = Finish(
            "",
            finish.model if finish else asked,
            reserved["input_tokens"] if tokens_in is None else tokens_in,
            estimate(run.text) if tokens_out is None else tokens_out,
        )
        cost = self._price(counted)
        if cost is None:  # the provider has a name of its own for the model that was asked
            cost = self._price(replace(counted, model=asked))
        return _spent(counted, cost)

    def settle_orphan(self, connection: Connection, question_id: UUID) -> None:
        """Note what an answer has cost whose server died: an estimate, nobody heard the end."""
        row = usage.unfinished(connection, question_id)
        if row is not None:
            told = Finish("", row["model"], row["input_tokens"], estimate(row["answer"]))
            usage.settle(connection, question_id, _spent(told, self._price(told)))


def _may_be_billed(run: Run, error: AskcliError | None) -> bool:
    """Whether an answer without a beginning may have reached its model all the same."""
    return run.is_sent and isinstance(error, Cancelled | Interrupted | ProviderTimeout)


def _reported(run: Run, finish: Finish | None) -> tuple[int | None, int | None]:
    """The tokens in and out that the provider has told, at the beginning or at the end."""
    began = run.begin.input_tokens if run.begin else None
    if finish is None:
        return began, None
    return began if finish.input_tokens is None else finish.input_tokens, finish.output_tokens


def estimate(text: str | None) -> int:
    """About how many tokens a text has, rather too many than too few."""
    return len((text or "").encode("utf-8", "replace")) // BYTES_PER_TOKEN + 1


def _spent(finish: Finish, cost: float | None) -> dict[str, Any]:
    return {
        "model": finish.model,
        "input_tokens": finish.input_tokens,
        "output_tokens": finish.output_tokens,
        "cost_usd": cost,
    }
