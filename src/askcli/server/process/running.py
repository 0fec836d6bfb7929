"""Runs one server process on a listening socket, until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress

import uvicorn

from askcli.answerers import loading
from askcli.errors import AskcliError, Failed
from askcli.metrics import exposition
from askcli.server.app import Entry, create_app
from askcli.server.bootstrap import Services, build
from askcli.server.http import trusted_hosts
from askcli.server.http.access_log import AccessLog
from askcli.server.http.activity import Activity
from askcli.server.process import file_limit
from askcli.server.process.listening import BACKLOG, listeners
from askcli.server.process.reloading import Load, Reloading
from askcli.server.process.uvicorn_server import Server, StopSeconds
from askcli.server.protocol.connections import Connections
from askcli.server.protocol.protocol import BoundedProtocol
from askcli.services import executors
from askcli.services.background import repeat
from askcli.settings import Settings
from askcli.settings.registration import Registration
from askcli.store import migrations
from askcli.store.database import engines

log = logging.getLogger("askcli.notices")

GRACEFUL_SECONDS = 5  # for the last bytes to slow readers: all answers have ended by then
# Longer than clients and proxies keep idle connections (httpx2 5 s, nginx 60 s): a server that
# closes first may break the request that is just being sent.
KEEP_ALIVE_SECONDS = 75
LIBUV_THREADS = 4  # its default
OTHER_THREADS = 2  # besides those of the store, of passwords and of long texts
CHECK_SECONDS = 1.0  # between two looks at what may end a server


class Role:
    """The tasks of a server process besides serving; none by default."""

    activity: Activity
    may_have_proxies = False  # which have to notice that the server leaves

    async def watch(self) -> None:
        """Return when the process is to stop by itself."""
        await asyncio.Event().wait()

    def refusal(self) -> AskcliError | None:
        """Return the error with which a request that comes now is refused, None for none."""
        return None

    def leaving(self) -> None:
        """Do what is due when the stop begins, before the answers are waited for."""

    async def ended(self) -> None:
        """Do what is due at the end, when the last request was served."""


def prepare(
    settings: Settings,
    registration: Registration | None = None,
    *,
    may_create: bool = True,
    on_migration: Callable[[], object] = bool,
) -> Services:
    """Build the services, with a database that is reachable and migrated.

    `on_migration` is called before a migration, which may take minutes.

    Raises Failed or Misused, also for an SQLite database that is missing and may not be created.
    """
    services = build(settings, registration)
    file = services.database.file
    is_missing = file is not None and not file.exists()
    if is_missing and not may_create:
        raise Failed(
            f"the database {file} was deleted: put it back, "
            "or create an empty one with `askcli migrate`."
        )
    migrations.make_ready(services.database, on_migration)
    if is_missing:  # not silently: an earlier one may have been lost
        log.info("Created a new, empty database: %s", file)
    return services


def run(
    services: Services,
    settings: Settings,
    sock: socket.socket,
    ready: Callable[[], None],
    role: Role | None = None,
    load: Load | None = None,
) -> None:
    """Serve on the socket; `ready` is called once requests are served.

    `load` reads the settings again, on a hang-up; without it that is a request to stop. Returns
    after a signal, or when the role's `watch` returns. Raises Failed, also where answers could not
    be stored, and where this process can load no answerer any more.
    """
    exposition.start()
    role = role or Role()
    role.activity = Activity()
    access_log = AccessLog(settings.log, settings.log_level)
    config = _config(services, settings, sock, role, access_log)
    reload = Reloading(services, access_log, settings, load).request if load else None
    leave = settings.leave_seconds if role.may_have_proxies else 0
    seconds = StopSeconds(leave, settings.drain_seconds)
    server = Server(config, services.runs, seconds, ready, role.leaving, reload)

    async def main() -> None:
        services.start_threads()
        await _start_other_threads()
        async with _watching(role, server):
            await server.serve(sockets=listeners(sock))
        await role.ended()
        access_log.flush()

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(main())
    _check_end(server, services)


@asynccontextmanager
async def _watching(role: Role, server: Server) -> AsyncIterator[None]:
    """Watch during the block for what makes the server leave by itself.

    Each watch is repeated, also after a failure; to leave twice changes nothing.
    """

    async def watch() -> None:
        await role.watch()
        server.leave()

    async def watch_loading() -> None:
        if loading.is_spoiled():
            server.leave()

    tasks = [asyncio.create_task(repeat(work, CHECK_SECONDS)) for work in (watch, watch_loading)]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)  # unlike gather, raises none of their errors


def _check_end(server: Server, services: Services) -> None:
    """Raise Failed where the server has not ended well."""
    if not server.started:
        raise Failed("the server could not start; see its log.")
    if loading.is_spoiled():
        raise Failed(loading.CANNOT_LOAD)
    if lost := services.runs.unstored:
        which = "1 answer" if lost == 1 else f"{lost} answers"
        raise Failed(f"{which} could not be stored to the end; the log has the reason.")


async def _start_other_threads() -> None:
    """Start threads for `asyncio.to_thread`, which loads the SDK or a local model, and libuv's own.

    Those look up names. All are started with the first, and libuv aborts the process, without a
    word, where one cannot be. Raises Failed before that.
    """
    # Before the loop has a pool: to end that it would start a thread, too.
    executors.check_room(OTHER_THREADS + LIBUV_THREADS)
    pool, loop = ThreadPoolExecutor(OTHER_THREADS, "other"), asyncio.get_running_loop()
    executors.start(pool, OTHER_THREADS)
    loop.set_default_executor(pool)
    with suppress(OSError):  # it is no address, and no name is looked up
        await loop.getaddrinfo("none", None, flags=socket.AI_NUMERICHOST)


def _config(
    services: Services,
    settings: Settings,
    sock: socket.socket,
    role: Role,
    access_log: AccessLog,
) -> uvicorn.Config:
    allowed = trusted_hosts.allowed(settings, sock)
    app = create_app(services, role.activity, allowed, role.refusal, settings.allowed_origins)
    more = max(0, settings.database_connections - engines.CONNECTIONS)
    limit = file_limit.connections(settings.max_running + more)
    app.state.connections = Connections(limit, settings.trusted_proxies)
    app.state.access_log = access_log
    return uvicorn.Config(
        Entry(app),
        interface="asgi3",
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        server_header=False,
        # The client's address is the peer's, unless the peer is a proxy that the host trusts.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        backlog=BACKLOG,
    )
