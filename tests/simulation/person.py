"""A user at a shell, with all actions of a plan."""

from __future__ import annotations

from tests.simulation.accounts import Accounts
from tests.simulation.asks import Asks


class Person(Accounts, Asks):
    """What a user does at one shell."""
