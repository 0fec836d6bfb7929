"""Statuses of a provider, or of a gateway before it, as errors: what may be billed and repeated."""

from __future__ import annotations

from askcli.errors import (
    AskcliError,
    ProviderFailed,
    ProviderOverloaded,
    ProviderRejected,
    ProviderTimeout,
)

# The status of an error event in mid-stream, by its type.
OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}

# Whoever says one of these had sent the request, or may have: 499 of nginx, 524 of Cloudflare,
# 598 and 599 of some proxies.
_TIMEOUTS = (408, 499, 504, 524, 598, 599)

# Gateways that have not reached the provider, most of them Cloudflare's.
_NOT_REACHED = (503, 521, 522, 523, 525, 526, 530)

_REJECTIONS = {
    401: "this server's key; its host must check ANTHROPIC_API_KEY.",
    403: "this server's key; its host must check ANTHROPIC_API_KEY.",
    400: "the question; it may be too long for the model.",
    413: "the question; it may be too long for the model.",
    422: "the question; it may be too long for the model.",
}


def failure(status: int, *, is_providers: bool, retry_after: int | None) -> AskcliError:
    """Return the error of a status; `is_providers` is whether the body is the provider's own error.

    A failure that is not the provider's own may come from a gateway that had passed the request on.
    """
    if status in _TIMEOUTS:
        return ProviderTimeout("The model did not answer in time; try again.")
    if status in (429, 529):
        return ProviderOverloaded(
            "The model is overloaded; try again shortly.", retry_after=retry_after
        )
    if status < 500:
        return _rejection(status)
    return ProviderFailed(
        f"The model's provider failed ({status}); try again later.",
        may_be_billed=not is_providers and status not in _NOT_REACHED,
    )


def _rejection(status: int) -> ProviderRejected:
    if status < 400:
        return ProviderRejected(
            "The model's provider redirects to another address; "
            "this server's host must check ANTHROPIC_BASE_URL."
        )
    if status == 404:
        return ProviderRejected("The model's provider does not know this model; choose another.")
    default = f"the request ({status}); this server's host must see to it."
    return ProviderRejected(f"The model's provider refused {_REJECTIONS.get(status, default)}")
