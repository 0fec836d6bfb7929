"""A replica: the real services and the real app behind uvicorn's protocol, in one process."""

from __future__ import annotations

import asyncio
import contextvars
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import uvicorn
from sqlalchemy import Engine, Pool, event
from uvicorn.server import ServerState

from askcli.answerers import factory
from askcli.answerers.base import Answerer
from askcli.server import bootstrap
from askcli.server.app import _lifespan, create_app
from askcli.server.http.access_log import AccessLog
from askcli.server.http.activity import Activity
from askcli.server.process.running import KEEP_ALIVE_SECONDS
from askcli.server.protocol.connections import Connections
from askcli.server.protocol.protocol import BoundedProtocol
from askcli.settings import Settings
from askcli.store.database import engines, urls
from tests.simulation.disk import Disk, PostgresDisk
from tests.simulation.loop import Process
from tests.simulation.network import Connection, Peer
from tests.simulation.provider import Answering, Provider
from tests.simulation.world import Clock, World

MAX_CONNECTIONS = 100

# Those that no replica uses now. Making one takes longer than a night.
_apps: list[Any] = []
_engines = defaultdict[str, list[Engine]](list)  # by the URL of their database
# The pool that each had at first, without the listeners of lives that used it.
_pools: dict[Engine, Pool] = {}


class Replica(Peer):
    """A place for a process that serves; one that has ended is started again."""

    def __init__(
        self, world: World, number: int, settings: Settings, provider: Provider, clock: Clock
    ) -> None:
        self.most_streams: int | None = None
        self.name = f"replica-{number}"
        self._url = urls.parse(settings.database_url)
        self._kind = self._url.get_backend_name()
        self.disk = Disk(world) if self._kind == "sqlite" else PostgresDisk(world)
        self.disk.kill = lambda: self.kill("has died")
        self.clock = clock
        self.is_listening = False
        self.connections: list[Connection] = []
        self.process: Process | None = None
        self.failures: list[str] = []
        self._world = world
        self.settings = settings  # of its next life
        self._of_this_life = settings
        self._provider = provider
        self._lives = 0
        self._graveyard: list[
            tuple[Process, Any, Any]
        ] = []  # what the dead leave, until the end of the night

    @property
    def services(self) -> bootstrap.Services | None:
        """Those of the process that lives."""
        return self._services if self.process else None

    @property
    def is_outdated(self) -> bool:
        """Whether its process lives with other settings than the next one will."""
        return self.process is not None and self._of_this_life is not self.settings

    @property
    def is_up_to_date(self) -> bool:
        """Whether it serves with the settings that it is to have."""
        return self.is_listening and self._of_this_life is self.settings

    def start(self) -> None:
        """Start a process, unless one lives."""
        if self.process is not None:
            return
        self._lives += 1
        self.process = Process(self._world, self.name, self.clock)
        self.disk.process = self.process
        self._world.tell(f"starts (life {self._lives})", self.name)
        with self._world.running(self.process):
            self._app: Any = _apps.pop() if _apps else None
            self._services = self._build()
        self.process.spawn(self._live(self.process))

    def _build(self) -> bootstrap.Services:
        idle = _engines[str(self._url)]
        self._engine = idle.pop() if idle else self._new_engine()
        assert self.process
        answering: Answerer = Answering(self._provider, self.process, self.settings.model)
        with (
            patch.object(engines, "create", lambda *_: self._engine),
            patch.object(factory, "build", lambda _: answering),
        ):
            services = bootstrap.build(self.settings)
        self._of_this_life = self.settings
        if self.most_streams:
            services.streams._most = self.most_streams
        self.disk.take(self._engine)
        if self._app is None:
            self._app = create_app(services, Activity(), None, lambda: None, ())
        return services

    def _new_engine(self) -> Engine:
        connections = self.settings.database_connections
        engine = engines.create(self._url, connections, lambda: self._url.password)
        _pools[engine] = engine.pool
        return engine

    async def _live(self, process: Process) -> None:
        app, services = self._app, self._services
        app.state.services = services
        app.state.connections, app.state.access_log = Connections(MAX_CONNECTIONS), AccessLog()
        config = uvicorn.Config(
            app,
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        config.load()
        state = ServerState()
        self._protocol: Callable[[], asyncio.Protocol] = lambda: BoundedProtocol(
            config, state, {}, process.loop
        )
        self._is_leaving, self._is_told_to_leave = asyncio.Event(), False
        async with _lifespan(app):
            self.is_listening = True
            await self._is_leaving.wait()
            await services.runs.drain(self._of_this_life.drain_seconds)
            self.is_listening = False
            for connection in list(self.connections):
                connection.transport.close()
        process.world.after(0.0, lambda: self._end(process, "has ended"))

    def accept(self, connection: Connection) -> asyncio.Protocol:
        return self._protocol()

    def soon(self) -> Callable[..., None]:
        assert self.process is not None
        return self.process.soon

    def leave(self) -> None:
        """Stop gracefully, as by SIGTERM."""
        if self.process is not None and self.is_listening and not self._is_told_to_leave:
            self._is_told_to_leave = True
            self._world.tell("fault: SIGTERM", self.name)
            self.process.soon(self._is_leaving.set)

    def kill(self, how: str = "fault: SIGKILL") -> None:
        """End the process at once."""
        if self.process is not None:
            self._end(self.process, how)

    def _end(self, process: Process, how: str) -> None:
        if process is not self.process:
            return
        self._world.tell(how, self.name)
        self.failures += process.loop.failures
        process.die()
        self.process, self.is_listening = None, False
        for connection in list(self.connections):
            connection.send_end("reset")
        self.connections.clear()
        self._graveyard.append((process, self._app, self._services))
        self._give_back()

    def _give_back(self) -> None:
        """Let other lives use what took long to make."""
        self.disk.leave(self._engine)
        contextvars.Context().run(self._engine.dispose)
        # The listeners of this life would be called in all later ones: most of a checkin's time.
        self._engine.pool = _pools[self._engine].recreate()
        if self._kind == "sqlite":
            wait = self._services.database.writing.connections._wait
            event.remove(self._engine, "do_connect", wait)
        _engines[str(self._url)].append(self._engine)
        _apps.append(self._app)

    @property
    def deaths(self) -> list[float]:
        """When its processes have ended so far."""
        return [process.died_at for process, *_ in self._graveyard if process.died_at]

    def clear(self) -> None:
        """Forget everything, at the end of the night."""
        if self.process is not None:
            self._end(self.process, "is switched off")
        for process, *_ in self._graveyard:
            process.loop._ready.clear()
            process.loop._scheduled.clear()
            process.loop.close()
        self._graveyard.clear()
