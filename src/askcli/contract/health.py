"""The JSON objects that report a server's state."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict


class Health(TypedDict):
    """The response of /healthz."""

    status: Literal["ok"]
    version: str


class Registration(TypedDict):
    """Who may register, and the reason for it."""

    policy: Literal["open", "invite", "closed"]
    reason: str


class Readiness(Health):
    """The response of /readyz when the server is ready."""

    database: Literal["sqlite", "postgresql"]
    registration: Registration
