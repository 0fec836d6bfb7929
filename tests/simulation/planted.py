"""Bugs that the simulation must find: each breaks one rule of the product during a block."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from inspect import signature
from typing import Any

from tests.simulation import planted_accounts, planted_questions, planted_usage

Bug = Callable[[], AbstractContextManager[Any]]

BUGS: dict[str, Bug] = {
    bug.__name__.removeprefix("_"): bug
    for module in (planted_accounts, planted_questions, planted_usage)
    for bug in vars(module).values()
    if callable(bug) and bug.__module__ == module.__name__ and not signature(bug).parameters
}
