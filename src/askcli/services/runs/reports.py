"""Reports of ended runs: a line in the log, without its texts, metrics and spans."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from typing import Any

from askcli.answerers import prices
from askcli.contract.shapes import Status
from askcli.metrics import names
from askcli.metrics.instruments import Histogram
from askcli.services.runs.run import Run, Times

log = logging.getLogger("askcli.runs")


def report(run: Run, models: Collection[str]) -> None:
    """Log and count how a run has ended, as its question says; `models` are this server's.

    Not where the question is a later run's, with which it is reported.
    """
    if run.is_replaced:
        return
    run.times.ended = time.monotonic()
    _log(run)
    _count(run, models)
    _note(run)


def end_spans(run: Run) -> None:
    """End the run's span, and that of its last attempt."""
    run.attempts.end()
    run.span.end()


def note_first_text(run: Run) -> None:
    """Count at once how long it took: that none come is how a provider that hangs is seen."""
    run.times.first_text = time.monotonic()
    _observe(names.FIRST_TEXT, run.times.began, run.times.first_text)
    run.attempts.span.event("first token")


def _log(run: Run) -> None:
    question, times = run.stream.question, run.times
    fields: dict[str, Any] = {
        "question_id": run.question_id,
        "user_id": run.user_id,
        "request_id": run.request_id,
        # As it was asked for: what the provider reports in its place may be any text.
        "model": run.request.model,
        "end": _end(question["status"]),
        "error": question["error"],
        "input_tokens": question["input_tokens"],
        "output_tokens": question["output_tokens"],
        "cost_usd": question["cost_usd"],
        "queue_ms": _milliseconds(times, times.granted),
        "first_token_ms": _milliseconds(times, times.first_text),
        "ms": _milliseconds(times, times.ended),
        "attempts": run.attempts.count,
        "upstream_status": run.attempts.last.status,
        "upstream_request_id": run.attempts.last.request_id,
    }
    log.info("answer ended", extra={"fields": fields})


def _count(run: Run, models: Collection[str]) -> None:
    question, times = run.stream.question, run.times
    end, model = _end(question["status"]), label(run.request.model, models)
    names.ENDED.add(end)
    _observe(names.QUEUED, times.began, times.granted)
    _observe(names.ANSWERING, times.began, times.ended, end)
    for direction, tokens in (
        ("input", question["input_tokens"]),
        ("output", question["output_tokens"]),
    ):
        if tokens:
            names.TOKENS.add(model, direction, amount=tokens)
    if question["cost_usd"]:
        names.DOLLARS.add(model, amount=question["cost_usd"])


def _note(run: Run) -> None:
    if not run.span:
        return
    question = run.stream.question
    end, error = _end(question["status"]), question["error"]
    run.span.note(
        {
            "user.id": str(run.user_id),
            "askcli.request.id": run.request_id,
            "askcli.answer.end": end,
            "askcli.answer.attempts": run.attempts.count,
            "askcli.answer.queue_ms": _milliseconds(run.times, run.times.granted),
            "askcli.answer.cost_usd": question["cost_usd"],
            "gen_ai.request.model": run.request.model,
            "error.type": error,
        }
    )
    if end == "failed":
        run.span.fail(error or end)


def _observe(metric: Histogram, began: float, reached: float | None, *labels: str) -> None:
    if reached is not None:
        metric.observe(reached - began, *labels)


def label(model: str, models: Collection[str]) -> str:
    """Return the name of one of this server's models; those of its versions have no bound."""
    return next((name for name in (model, prices.undated(model)) if name in models), "other")


def _end(status: Status) -> str:
    """Return how it ended; a question that was deleted meanwhile has no row that would say."""
    return "deleted" if status == "answering" else status


def _milliseconds(times: Times, reached: float | None) -> float | None:
    return None if reached is None else round((reached - times.began) * 1000, 1)
