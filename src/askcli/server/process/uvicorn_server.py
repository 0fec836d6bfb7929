"""uvicorn, with a stop that loses no answer and an exit code that tells how it went."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from askcli.services.runs.registry import Runs


class Server(uvicorn.Server):
    """uvicorn's server, with an exit code that says how it went and not which signal came."""

    def __init__(
        self,
        config: uvicorn.Config,
        runs: Runs,
        drain_seconds: float,
        ready: Callable[[], None],
        leaving: Callable[[], None],
    ) -> None:
        """`ready` is called when requests are answered, `leaving` when no more are wanted."""
        super().__init__(config)
        self._leaving = leaving
        self._runs = runs
        self._drain_seconds = drain_seconds
        self._ready = ready
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so once requests are answered and signals are heard."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop gracefully on SIGINT and SIGTERM; at a second one, as fast as can be."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.leave)
        yield

    def leave(self) -> None:
        """Stop gracefully; at a second call, as fast as can be."""
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        else:
            self._runs.interrupt()

    async def _drain(self) -> None:
        """Still serve while the answers finish: readiness and new questions are 503 meanwhile."""
        self._leaving()
        await self._runs.drain(self._drain_seconds)
        self.should_exit = True
