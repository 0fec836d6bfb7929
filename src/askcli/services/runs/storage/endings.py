"""The question of a run as it is once its answer has ended."""

from __future__ import annotations

from datetime import datetime

from askcli.contract.shapes import Question, Status
from askcli.errors import AskcliError, Cancelled, Interrupted
from askcli.services.clock import rfc3339
from askcli.services.usage.metering import Outcome

# Those fields of it that its row has under the same names.
STORED_FIELDS = frozenset(
    {
        "answer",
        "status",
        "stop_reason",
        "error",
        "model",
        "input_tokens",
        "output_tokens",
        "cost_usd",
    }
)

# Those that a run still completes where its answer was ended elsewhere.
REPORTED_FIELDS = ("answer", "model", "input_tokens", "output_tokens", "cost_usd")


def ended(
    question: Question, outcome: Outcome, answered_at: datetime, cost: float | None
) -> Question:
    """Return the question as it is once its answer has ended."""
    result = Question(**question)
    result["answer"] = outcome.text
    result["status"] = _status(outcome.error)
    result["error"] = outcome.error.code if outcome.error else None
    result["answered_at"] = rfc3339(answered_at)
    result["cost_usd"] = cost
    if begin := outcome.begin:  # an answer that broke off has cost its input at least
        result["model"], result["input_tokens"] = begin.model, begin.input_tokens
    if finish := outcome.finish:
        result["stop_reason"] = finish.stop_reason
        result["model"] = finish.model
        result["input_tokens"] = finish.input_tokens
        result["output_tokens"] = finish.output_tokens
    return result


def _status(error: AskcliError | None) -> Status:
    if error is None:
        return "answered"
    if isinstance(error, Cancelled):
        return "cancelled"
    return "interrupted" if isinstance(error, Interrupted) else "failed"
