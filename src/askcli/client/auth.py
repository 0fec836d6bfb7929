"""The endpoints that take no access token: register, log in, refresh."""

from __future__ import annotations

from askcli.client.transport import Transport
from askcli.contract.shapes import Tokens, User


def register(
    transport: Transport, name: str, email: str, password: str, invite: str | None = None
) -> User:
    """POST /api/users."""
    body = {"name": name, "email": email, "password": password}
    if invite is not None:
        body["invite"] = invite
    return transport.call("POST", "/api/users", body=body)


def login(transport: Transport, email: str, password: str) -> Tokens:
    """POST /api/auth/login."""
    return transport.call("POST", "/api/auth/login", body={"email": email, "password": password})


def refresh(transport: Transport, refresh_token: str) -> Tokens:
    """POST /api/auth/refresh."""
    return transport.call("POST", "/api/auth/refresh", body={"refresh_token": refresh_token})
