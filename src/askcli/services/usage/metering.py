"""Metering: reserves the most that a question may cost, and settles what it has cost.

The reservation is in the transaction that stores the question, and is refused when the user's
spending and reservations have reached the quota. So of any number of questions at once, on any
number of servers, the last one accepted is all that can exceed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from askcli.answerers.base import Begin, Finish, Request, Spent
from askcli.errors import AccountDisabled, AskcliError, NotFound
from askcli.services.usage import pricing, quotas, unbilled
from askcli.services.usage.pricing import Price
from askcli.services.usage.quotas import Quota, Unchecked
from askcli.store.queries import usage, users

# What a model's template adds to a message at most: marks of its begin, its role and its end.
MESSAGE_TOKENS = 8

_NOTHING = {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of an answer: its text, what the provider reported, and the error that ended it.

    `is_billable` says that the provider may bill it.
    """

    question_id: UUID
    user_id: UUID
    request: Request
    begin: Begin | None
    spent: Spent | None
    finish: Finish | None
    text: str
    error: AskcliError | None
    is_billable: bool

    @property
    def input_tokens(self) -> int | None:
        """Input tokens as reported, at the answer's end or else at its beginning."""
        if self.finish is not None and self.finish.input_tokens is not None:
            return self.finish.input_tokens
        return self.begin.input_tokens if self.begin else None


class Metering:
    """Meters questions; `quota` is the server's, `price` returns an answer's cost in dollars."""

    def __init__(self, quota: Quota, price: Price) -> None:
        self._quota = quota
        self.has_quota = bool(quota.limits())
        self._price = price

    def reserve(
        self,
        connection: Connection,
        row: Mapping[str, Any],
        request: Request,
        *,
        at: datetime,
        is_new: bool = True,
        is_checked: bool = True,
    ) -> None:
        """Reserve the most that a question, about to be stored or started again, may cost.

        `at` is the time of the reservation, which no other of this question has. Raises Unchecked
        for a user with a quota unless `is_checked` already; QuotaExceeded; RateLimited where the
        user has stored much without being billed; Unpriced where the quota is in dollars and the
        model's price is unknown; AccountDisabled; NotFound for a user who was deleted meanwhile.
        """
        most = _most(request)
        cost = self._price(most)
        user = self._user(connection, row["user_id"], locked=True)
        quota = self._quota.of(user)
        if not is_checked and quota.limits():
            raise Unchecked
        quotas.check(connection, row["user_id"], quota, is_priced=cost is not None)
        if is_new:
            unbilled.check(connection, user["full_at"] or 0, most.input_tokens or 0)
        else:
            unbilled.give_back(connection, row["user_id"], most.input_tokens or 0)
        reservation = {"question_id": row["id"], "user_id": row["user_id"], "created_at": at}
        usage.reserve(connection, reservation | _columns(most, cost))

    def check(
        self, connection: Connection, user_id: UUID, request: Request, *, is_new: bool
    ) -> int:
        """Raise what `reserve` would, which decides; return how many rows that has to read."""
        most = _most(request)
        is_priced = self._price(most) is not None
        user = self._user(connection, user_id, locked=False)
        rows = quotas.check(connection, user_id, self._quota.of(user), is_priced=is_priced)
        if is_new:
            unbilled.check(connection, user["full_at"] or 0, most.input_tokens or 0)
        return rows

    def _user(self, connection: Connection, user_id: UUID, *, locked: bool) -> Mapping[Any, Any]:
        """Return the user, who may ask, with `full_at` of the limit on what is not billed."""
        user = users.with_limit(connection, user_id, unbilled.key(user_id), locked=locked)
        if user is None:
            raise NotFound("user")
        if user["disabled_at"]:
            raise AccountDisabled()
        return user

    def settle(self, connection: Connection, outcome: Outcome) -> None:
        """Replace a question's reservation by what it has cost."""
        most = _most(outcome.request)
        cost = self._cost(outcome, _columns(most, None))
        if outcome.is_billable:
            usage.settle_later(connection, outcome.question_id, cost)
        elif usage.settle(connection, outcome.question_id, cost):
            unbilled.count(connection, outcome.user_id, most.input_tokens or 0)

    def correct(self, connection: Connection, outcome: Outcome) -> None:
        """Replace what a check of orphans has assumed by what is known now, where that is less.

        Changes nothing where the same outcome has settled the question.
        """
        assumed = usage.cost(connection, outcome.question_id, is_settled=True)
        if assumed is not None:
            if not outcome.is_billable:
                unbilled.count(connection, assumed["user_id"], assumed["input_tokens"])
            cost = self._cost(outcome, assumed)
            for name in _NOTHING:
                cost[name] = min((cost[name], assumed[name]), key=_or_infinite)
            usage.change(connection, outcome.question_id, cost, is_settled=True)

    def _cost(self, outcome: Outcome, reservation: Mapping[Any, Any]) -> dict[str, Any]:
        """As the provider reports it; the rest is estimated.

        Otherwise those who always disconnect before the report would pay nothing.
        """
        model = str(reservation["model"])
        if not outcome.is_billable:
            return dict(_NOTHING)
        finish, input_tokens = outcome.finish, outcome.input_tokens
        if input_tokens is None:
            input_tokens = reservation["input_tokens"]
        output_tokens = finish.output_tokens if finish else None
        if output_tokens is None:
            output_tokens = _output_tokens(outcome, reservation["output_tokens"])
        counted = Finish("", finish.model if finish else model, input_tokens, output_tokens)
        return _columns(counted, pricing.cost_usd(self._price, counted, model))

    def settle_orphan(self, connection: Connection, question_id: UUID, *, is_sent: bool) -> None:
        """Settle an answer whose process died: its reservation is its cost, if it was sent.

        Its text says nothing of what the model has thought.
        """
        reservation = usage.cost(connection, question_id, is_settled=False)
        usage.settle(connection, question_id, {} if is_sent else _NOTHING)
        if reservation is not None and not is_sent:
            unbilled.count(connection, reservation["user_id"], reservation["input_tokens"])

    def settle_abandoned(self, connection: Connection, question_id: UUID) -> None:
        """Settle a question that ended, or was deleted, while its process was dead already."""
        is_sent = not usage.is_queued(connection, question_id)
        self.settle_orphan(connection, question_id, is_sent=is_sent)

    def release_unsent(self, connection: Connection, question_id: UUID) -> None:
        """Reserve nothing any more for a question that was not sent, before it is deleted."""
        if usage.is_queued(connection, question_id):
            usage.change(connection, question_id, _NOTHING, is_settled=False)


def _or_infinite(amount: float | None) -> float:
    return inf if amount is None else amount


def _output_tokens(outcome: Outcome, reserved: int) -> int:
    """Return a number that the output of an answer without a whole report does not exceed.

    A report in mid-answer has all output until then. Of thinking, little or nothing may be shown.
    """
    spent = outcome.spent or Spent(has_hidden=False, output_tokens=None)
    estimate = min(estimate_tokens(outcome.text), reserved)  # which is `max_tokens`
    if spent.output_tokens is not None:
        return max(spent.output_tokens, estimate)
    return reserved if spent.has_hidden else estimate


def estimate_tokens(text: str | None) -> int:
    """Return a number of tokens that the text certainly does not exceed as a message.

    Tokenizers of language models (byte-level BPE, SentencePiece with byte fallback) split the
    text's bytes: each token stands for one byte at least, so there are no more tokens than bytes.
    Nothing smaller holds for all texts: digits, code and CJK come close to it.
    """
    return len((text or "").encode("utf-8", "surrogatepass")) + MESSAGE_TOKENS


def _most(request: Request) -> Finish:
    input_tokens = sum(estimate_tokens(message.content) for message in request.messages)
    input_tokens += estimate_tokens(request.system)
    return Finish("", request.model, input_tokens, request.max_tokens)


def _columns(finish: Finish, cost: float | None) -> dict[str, Any]:
    return {
        "model": finish.model,
        "input_tokens": finish.input_tokens,
        "output_tokens": finish.output_tokens,
        "cost_usd": cost,
    }
