"""Reports of ended runs: a line in the log for each, without its texts."""

from __future__ import annotations

import logging
import time
from typing import Any

from askcli.contract.shapes import Status
from askcli.services.runs.run import Run, Times

log = logging.getLogger("askcli.runs")


def report(run: Run) -> None:
    """Log how a run has ended, as its question says."""
    question, times = run.stream.question, run.times
    times.ended = time.monotonic()
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


def _end(status: Status) -> str:
    """Return how it ended; a question that was deleted meanwhile has no row that would say."""
    return "deleted" if status == "answering" else status


def _milliseconds(times: Times, reached: float | None) -> float | None:
    return None if reached is None else round((reached - times.began) * 1000, 1)
