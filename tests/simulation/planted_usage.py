"""Bugs that the simulation must find in what is spent, and in limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from askcli.errors import RateLimited
from askcli.fair_queue import FairQueue
from askcli.services.auth.rate_limits import RateLimits
from askcli.services.questions.storage import QuestionStorage
from askcli.services.runs.calls import retries
from askcli.services.runs.open_streams import OpenStreams
from askcli.services.runs.storage.answers import AnswerStorage
from askcli.services.usage import quotas
from askcli.services.usage.metering import Metering
from askcli.store.database import shared_clock
from askcli.store.queries import questions, usage


def _quota_is_not_checked() -> Any:
    """No question is refused for its user's quota."""
    return patch.object(quotas, "check", lambda *_, **__: None)


def _ends_are_not_settled() -> Any:
    """The end of an answer leaves its reservation."""
    return patch.object(Metering, "settle", lambda *_: None)


def _orphans_cost_nothing() -> Any:
    """What was sent by a process that has died is not charged."""
    settle = Metering.settle_orphan

    def settle_free(self: Any, connection: Any, question_id: Any, *, is_sent: bool) -> None:
        settle(self, connection, question_id, is_sent=False)

    return patch.object(Metering, "settle_orphan", settle_free)


def _billed_attempt_is_repeated() -> Any:
    """An attempt that the provider may bill is made again."""
    return patch.object(retries, "_may_be_billed", lambda _: False)


def _slot_is_kept() -> Any:
    """A question that is refused keeps its slot at the model."""
    return patch.object(FairQueue, "_leave", lambda *_: None)


def _reservation_before_its_transaction() -> Any:
    """A question's cost is reserved in one transaction, and the question stored in the next."""
    store = QuestionStorage.store

    async def reserve_first(self: Any, row: Any, run: Any, *, is_new: bool) -> bool:
        if is_new:
            reserve = self._metering.reserve
            await self._database.write(reserve, row, run.request, at=run.reserved_at)
        return await store(self, row, run, is_new=is_new)

    def add(_: Any, connection: Any, row: Any, entry: Any, *__: Any, **___: Any) -> None:
        questions.add(connection, row, entry)

    return patch.multiple(QuestionStorage, store=reserve_first, _add=add)


def _cost_after_the_end() -> Any:
    """The end of an answer is stored in one transaction, and its cost in the next."""
    store, settle = AnswerStorage._store, Metering.settle

    async def store_first(self: Any, run: Any, outcome: Any, *rest: Any, **how: Any) -> None:
        await store(self, run, outcome, *rest, **how)
        await self._database.write(lambda connection: settle(self._metering, connection, outcome))

    plain = patch.object(Metering, "settle", lambda *_: None)
    return _both(plain, patch.object(AnswerStorage, "_store", store_first))


@contextmanager
def _both(*patches: Any) -> Iterator[None]:
    with ExitStack() as stack:
        for one in patches:
            stack.enter_context(one)
        yield


def _limits_are_of_each_process() -> Any:
    """The uses of a limit are counted in the memory of each process."""

    def take(self: Any, connection: Any, *required: Any) -> None:
        full_at = vars(self).setdefault("full_at", {})
        timestamp = shared_clock.microseconds(connection)
        for limit in required:
            moved = max(full_at.get(limit.key, 0), timestamp) + limit.interval
            if limit.rate.count and moved > timestamp + limit.window:
                raise RateLimited
            full_at[limit.key] = moved

    return patch.object(RateLimits, "take", take)


def _spending_is_remembered() -> Any:
    """What a user has spent is read once by a process."""
    spent, known = usage.spent, dict[Any, Any]()

    def remembering(connection: Any, user_id: Any, *periods: Any) -> Any:
        name = connection.engine, user_id
        return known.setdefault(name, spent(connection, user_id, *periods))

    return patch.object(usage, "spent", remembering)


def _refreshes_have_no_limit() -> Any:
    """The limit on refreshes is looked at by the process that has refused one."""
    take = RateLimits.take

    def take_others(self: Any, connection: Any, *required: Any) -> None:
        take(self, connection, *(limit for limit in required if limit.name != "refresh"))

    return patch.object(RateLimits, "take", take_others)


def _one_stream_too_many() -> Any:
    """A user may open one more event stream than the limit says."""

    def is_full(self: Any, user_id: Any) -> bool:
        return bool(len(self._streams.get(user_id, ())) > self._most)

    return patch.object(OpenStreams, "is_full", is_full)
