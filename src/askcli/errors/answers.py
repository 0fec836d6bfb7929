"""Answers that failed or ended early."""

from __future__ import annotations

from typing import Any

from askcli.errors.base import AskcliError


class ProviderFailed(AskcliError):
    code, title, status = "provider_failed", "The model failed", 502

    def __init__(self, detail: str = "", *, may_be_billed: bool = False, **fields: Any) -> None:
        """`may_be_billed` is whether the provider had begun to send what is no answer."""
        super().__init__(detail, **fields)
        self.may_be_billed = may_be_billed


class ProviderRejected(ProviderFailed):
    code, title = "provider_rejected", "The model's provider refused the request"


class ProviderOverloaded(ProviderFailed):
    code, title, status = "provider_overloaded", "The model is overloaded", 503
    default = "The model is overloaded; try again shortly."


class ProviderTimeout(ProviderFailed):
    code, title, status, exit_code = "provider_timeout", "The model took too long", 504, 6


class AnswerTooLong(ProviderFailed):
    code, title = "answer_too_long", "The answer is too long"
    default = "The answer is longer than this server keeps; its text so far is kept."


class Interrupted(AskcliError):
    code, title, status = "interrupted", "The answer was interrupted", 502
    default = "The model's answer broke off before its end; ask again."


class Cancelled(AskcliError):
    code, title, status, exit_code = "cancelled", "The answer was cancelled", 409, 1
    default = "The answer was cancelled; the text so far is kept."
