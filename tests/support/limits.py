"""Logins from addresses of their own, on servers whose limits are on."""

from __future__ import annotations

from uuid import uuid4

import httpx2

from tests.support import plain_http
from tests.support.people import Address
from tests.support.servers import LIMITS

# An empty value counts as unset; and nothing loads the SDK where no model is asked.
DEFAULT = dict.fromkeys(LIMITS, "") | {"ASKCLI_ANSWERER": "scripted"}


def coming_from(server: Address, address: str) -> httpx2.Client:
    """A client at another address: all of 127.0.0.0/8 is this machine."""
    return plain_http.client(server.url, address)


def an_address() -> str:
    """One that no other test comes from."""
    number = uuid4().int
    return f"127.{1 + number % 200}.{number // 200 % 250}.{1 + number // 50_000 % 250}"


def login(http: httpx2.Client, email: str, password: str, **headers: str) -> httpx2.Response:
    body = {"email": email, "password": password}
    return http.post("/api/auth/login", json=body, headers=headers)
