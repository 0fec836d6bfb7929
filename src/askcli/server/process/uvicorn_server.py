"""uvicorn's server with a graceful stop that stores every answer."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import uvicorn

from askcli.server.process.stop_requests import (
    EarlyHangUp,
    StopRequests,
    handled_signals,
    reads_settings_on_hang_up,
)
from askcli.services.background import wait_for_event
from askcli.services.runs.registry import Runs


@dataclass(frozen=True)
class StopSeconds:
    """How long a server that stops takes new questions, and then how long it waits for answers."""

    leave: float
    drain: float


class Server(uvicorn.Server):
    """uvicorn's server; its exit code tells success from failure, not the signal."""

    def __init__(
        self,
        config: uvicorn.Config,
        runs: Runs,
        seconds: StopSeconds,
        ready: Callable[[], None],
        leaving: Callable[[], None],
        reload: Callable[[], None] | None,
    ) -> None:
        """`ready` is called once requests are served, `leaving` when the stop begins.

        `reload` is called on a hang-up that is no request to stop; without it each is one.
        """
        super().__init__(config)
        self._leaving = leaving
        self._runs = runs
        self._reload = reload
        self._seconds = seconds
        self._ready = ready
        self._has_left = asyncio.Event()
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and call `ready` once requests are served and signals handled."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop gracefully on a signal; an urgent one interrupts the answers."""
        loop = asyncio.get_running_loop()
        requests, early = StopRequests(), signal.getsignal(signal.SIGHUP)
        for number in handled_signals():
            loop.add_signal_handler(number, self._on_signal, requests, number)
        if self._reload is not None and reads_settings_on_hang_up():
            loop.add_signal_handler(signal.SIGHUP, self._reload)
            if isinstance(early, EarlyHangUp) and early.has_come:
                self._reload()
        yield

    def _on_signal(self, requests: StopRequests, number: int) -> None:
        if requests.is_urgent(number):
            self.leave()
            self._runs.interrupt()
        else:
            self._begin_to_stop()

    def leave(self) -> None:
        """Begin to stop gracefully, and take no new questions from now on."""
        self._has_left.set()
        self._begin_to_stop()

    def _begin_to_stop(self) -> None:
        if self._draining is None:
            self._leaving()
            # At once where no time is given: what is not ready takes no question.
            self._runs.leave(
                takes_questions=self._seconds.leave > 0 and not self._has_left.is_set()
            )
            self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        """Serve on until proxies have noticed, then while the answers finish.

        Readiness is 503 from now on, and so are new questions while the answers finish.
        """
        try:
            with suppress(MemoryError):  # too short for a timer: it leaves at once
                await wait_for_event(self._has_left, self._seconds.leave)
            await self._runs.drain(self._seconds.drain)
        finally:  # whatever fails, it ends
            self.should_exit = True
