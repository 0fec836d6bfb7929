"""The registration policy: who may create an account, and the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Policy = Literal["open", "invite", "closed"]
POLICIES: tuple[Policy, ...] = get_args(Policy)


@dataclass(frozen=True, slots=True)
class Registration:
    """A policy, and the reason that it holds, as the end of a sentence."""

    policy: Policy
    reason: str


# Of the local server: nobody but its user can open its Unix socket.
OF_THE_LOCAL_SERVER = Registration("open", "only you reach the server")
