"""A server that is asked to stop: when it is no longer ready, and when it takes no question."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from unittest.mock import Mock

import pytest
import uvicorn

from askcli.server.process.uvicorn_server import Server, StopSeconds
from askcli.services.runs.registry import Runs


class NotedRuns:
    """What the server has said to the registry of runs."""

    def __init__(self) -> None:
        self.takes_questions: list[bool] = []

    def leave(self, *, takes_questions: bool) -> None:
        self.takes_questions.append(takes_questions)

    async def drain(self, seconds: float) -> None:
        """End at once."""


@pytest.mark.parametrize(("leave", "takes_questions"), [(0.0, False), (60.0, True)])
def test_without_time_to_leave_no_question_is_taken_once_it_is_not_ready(
    leave: float, takes_questions: bool
) -> None:
    """Both at once: between them a request was let in."""

    async def stopped() -> list[bool]:
        runs = NotedRuns()
        seconds = StopSeconds(leave, 1.0)
        config = uvicorn.Config(Mock(), log_config=None)
        server: Any = Server(config, cast(Runs, runs), seconds, Mock(), Mock(), None)
        server._begin_to_stop()
        said = list(runs.takes_questions)
        server.leave()
        await server._draining
        return said

    assert asyncio.run(stopped()) == [takes_questions]
