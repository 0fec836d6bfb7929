"""Generation of one answer: waits for a slot, reads the model's stream, has the answer stored.

Whether anybody follows the stream makes no difference.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import aclosing
from functools import partial

from askcli.answerers.base import Answerer, Begin, Finish, Spent
from askcli.answerers.storable_text import StorableText
from askcli.contract.limits import MAX_ANSWER_CHARACTERS
from askcli.errors import (
    AnswerTooLong,
    AskcliError,
    Interrupted,
    ProviderFailed,
)
from askcli.services.runs import reports
from askcli.services.runs.calls.retries import RetryPolicy
from askcli.services.runs.run import Run
from askcli.services.runs.storage.answer_log import AnswerLog
from askcli.services.runs.storage.answers import AnswerStorage
from askcli.services.usage import pricing
from askcli.services.usage.metering import Outcome

log = logging.getLogger("askcli.generation")


class Generator:
    """Generates answers in this process."""

    def __init__(
        self,
        answerer: Answerer,
        retries: RetryPolicy,
        storage: AnswerStorage,
        answer_log: AnswerLog,
    ) -> None:
        self._answerer = answerer
        self._models = {model["id"] for model in answerer.models()}
        self._retries = retries
        self._storage = storage
        self._answer_log = answer_log

    async def generate(self, run: Run) -> None:
        """Generate the run's answer and store its end; `run.stop` ends it early.

        Where that fails, what there is of the answer is stored as its end.
        """
        with run.place, run.span.current():
            try:
                await self._generate(run)
            except Exception:
                if run.stream.ended:
                    raise
                log.exception("run %s failed, and is ended", run.question_id)
                run.stop(_failure())
                await self._generate(run)
            finally:
                reports.end_spans(run)
                # Not before its end is stored: without signs of life it is taken for an orphan, and
                # what begins anew stores its text once more.
                self._answer_log.end(run)

    async def _generate(self, run: Run) -> None:
        self._answer_log.begin(run)
        outcome = await self._outcome(run)
        run.attempts.end(outcome.finish)
        entry = await self._storage.entry(run, outcome)
        await self._storage.end(run, outcome, self._cost_usd(outcome), entry)
        await asyncio.sleep(0)  # whoever waits for the answer gets it before it is reported
        reports.report(run, self._models)

    def _cost_usd(self, outcome: Outcome) -> float | None:
        if outcome.finish is None:
            return None
        model = outcome.request.model
        return pricing.cost_usd(self._answerer.cost_usd, outcome.finish, model)

    async def _outcome(self, run: Run) -> Outcome:
        try:
            with run.place, run.stoppable():
                await run.place.slot()
                run.times.granted = time.monotonic()
                await self._retries.prepare(self._answerer)
                await self._storage.dequeue(run)
                return await self._read_answer(run)
        except AskcliError as error:
            return run.outcome(error=error)
        except Exception:
            log.exception("run %s failed", run.question_id)
            return run.outcome(error=_failure())

    async def _read_answer(self, run: Run) -> Outcome:
        text = StorableText()
        confirm = partial(self._storage.confirm, run)
        stream = self._retries.stream(self._answerer, run.request, run.attempts, confirm)
        # Closed at once when the answer is too long: the provider stops, and bills no more.
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                if isinstance(piece, Finish):
                    _append(run, text.end())
                    return run.outcome(piece, None if run.stream.text else _empty_answer(piece))
                if isinstance(piece, Begin):
                    run.begin = piece
                elif isinstance(piece, Spent):
                    run.spent = piece
                elif piece:
                    _append(run, text.add(piece))
        raise Interrupted()


def _failure() -> AskcliError:
    return AskcliError("The server failed while it answered; ask again.")


def _empty_answer(finish: Finish) -> AskcliError | None:
    if finish.stop_reason == "refusal":
        return None
    return ProviderFailed("The model gave an empty answer; ask again, or in other words.")


def _append(run: Run, text: str) -> None:
    """Append the text as far as an answer may go. Raises AnswerTooLong for what is beyond."""
    room = MAX_ANSWER_CHARACTERS - run.stream.characters
    if text[:room]:
        if run.times.first_text is None:
            reports.note_first_text(run)
        run.stream.append(text[:room])
    if len(text) > room:
        raise AnswerTooLong()
