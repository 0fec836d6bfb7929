"""Requests that are wrong in themselves, or for what is stored."""

from __future__ import annotations

from typing import Any

from askcli.errors.base import AskcliError


class InvalidInput(AskcliError):
    code, title, status, exit_code = "invalid_request", "The request is not valid", 422, 2


class MalformedBody(InvalidInput):
    code, title, status = "malformed_json", "The body is not JSON", 400


class MalformedRequest(InvalidInput):
    code, title, status = "malformed_request", "The request is not HTTP", 400


class HeadersTooLarge(InvalidInput):
    code, title, status = "headers_too_large", "The headers are too large", 431


class PayloadTooLarge(InvalidInput):
    code, title, status = "payload_too_large", "The request is too large", 413
    default = "The body is too large; send less."


class UnsupportedMedia(InvalidInput):
    code, title, status = "unsupported_media_type", "The body must be JSON", 415


class UnknownModel(InvalidInput):
    code, title = "unknown_model", "There is no such model here"


class KeyReused(InvalidInput):
    code, title = "idempotency_key_reused", "The key belongs to another request"


class BadHost(InvalidInput):
    code, title, status = "bad_host", "The Host header is not one", 400


class WrongHost(InvalidInput):
    code, title, status = "wrong_host", "This server is not that host", 421


class TooSlow(InvalidInput):
    code, title, status = "request_timeout", "The request took too long to arrive", 408


class NotFound(AskcliError):
    code, title, status, exit_code = "not_found", "There is no such thing", 404, 1

    def __init__(self, thing: str = "thing", *, detail: str = "", **fields: Any) -> None:
        super().__init__(detail or f"There is no such {thing}.", **fields)


class MethodNotAllowed(AskcliError):
    code, title, status, exit_code = "method_not_allowed", "Not with this method", 405, 1


class Conflict(AskcliError):
    code, title, status, exit_code = "conflict", "It conflicts with what is there", 409, 1


class EmailTaken(Conflict):
    code, title = "email_taken", "The email is taken"
