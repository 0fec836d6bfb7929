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


class _Ready(Health):
    database: Literal["sqlite", "postgresql"]


class Readiness(_Ready, total=False):
    """The response of /readyz when the server is ready; older servers have no `registration`."""

    registration: Registration
