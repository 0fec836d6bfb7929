"""The endpoints that take no access token: register, log in, refresh."""

from __future__ import annotations

from contextlib import suppress

from askcli.client.http.transport import Transport
from askcli.contract.protocol import TOKEN
from askcli.contract.shapes import Tokens, User
from askcli.errors import BadResponse, Unreachable

MAX_TOKEN_CHARACTERS = 4096

# All attempts together end within the server's grace (30 s unless its host changed it).
REFRESH_SECONDS = 8.0
REFRESH_ATTEMPTS = 3


def register(
    transport: Transport, name: str, email: str, password: str, invite: str | None = None
) -> User:
    """POST /api/users."""
    body = {"name": name, "email": email, "password": password}
    if invite is not None:
        body["invite"] = invite
    return transport.call("POST", "/api/users", User, body=body)


def login(transport: Transport, email: str, password: str) -> Tokens:
    """POST /api/auth/login."""
    body = {"email": email, "password": password}
    return _sendable(transport.call("POST", "/api/auth/login", Tokens, body=body))


def refresh(transport: Transport, refresh_token: str) -> Tokens:
    """POST /api/auth/refresh, repeated at once when its reply is late or lost.

    The server then sends the same successor: a token stays good until its successor is used.
    """
    seconds = min(REFRESH_SECONDS, transport.timeout / REFRESH_ATTEMPTS)
    for _ in range(REFRESH_ATTEMPTS - 1):
        with suppress(Unreachable):
            return _refresh(transport, refresh_token, seconds)
    return _refresh(transport, refresh_token, seconds)


def _refresh(transport: Transport, refresh_token: str, seconds: float) -> Tokens:
    body = {"refresh_token": refresh_token}
    return _sendable(
        transport.call("POST", "/api/auth/refresh", Tokens, body=body, seconds=seconds)
    )


def _sendable(tokens: Tokens) -> Tokens:
    """Return the tokens. Raises BadResponse for an access token that no header can carry."""
    token = tokens["access_token"]
    if len(token) > MAX_TOKEN_CHARACTERS or not TOKEN.fullmatch(token):
        raise BadResponse()
    return tokens
