"""Serves the API on a TCP port, by one process or several."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable

from askcli import __version__, server_process
from askcli.errors import Failed, Unavailable
from askcli.server.bootstrap import Services
from askcli.server.process import (
    announcements,
    log_config,
    log_output,
    shared_metrics,
    tracing,
)
from askcli.server.process.database_files import DatabaseFiles
from askcli.server.process.listening import BACKLOG
from askcli.server.process.reloading import Load
from askcli.server.process.running import Role, prepare, run
from askcli.server.process.workers import Workers
from askcli.services.auth.signing_key import secret_path
from askcli.services.background import wait_for_event
from askcli.settings import Settings
from askcli.store.database import Database

log = logging.getLogger("askcli.notices")
server_log = logging.getLogger("askcli.server")

UNSENT_BYTES = 65_536


@log_output.in_background()
def serve_tcp(settings: Settings, load: Load) -> None:
    """Serve on the settings' host and port until a signal comes; `load` reads them again.

    Raises Failed or Misused.
    """
    log_config.install(settings)
    services = prepare(settings)
    if not settings.jwt_secret:
        path = secret_path(settings.data_dir)
        log.info("JWT_SECRET is not set: using the one kept in %s.", path)
    sock = _listen_tcp(settings.host, settings.port)
    announcements.report_registration(settings)
    if loss := _run(services, settings, sock, lambda: log.info(_greeting(sock)), load):
        raise Failed(loss)


@log_output.in_background()
def serve_workers(settings: Settings, count: int) -> None:
    """Serve with `count` worker processes.

    Raises Failed when a worker does not start, and when one has lost the database.
    """
    log_config.install(settings)
    prepare(settings).database.close()  # reports wrong settings once, not by each worker
    with (
        _listen_tcp(settings.host, settings.port) as sock,
        shared_metrics.directory() as metrics,
    ):
        announcements.report_registration(settings)
        flags = ["--host", settings.host, "--port", str(settings.port)]
        Workers(sock, count, flags, metrics).run(lambda: log.info(_greeting(sock, count)))


def serve_worker(load: Load, fd: int, life: int, ready: Callable[[], None]) -> None:
    """Serve as one of several workers on the socket `fd`, until the pipe `life` is closed.

    `load` reads its settings. Its parent had a database, so an SQLite file that is missing now is
    not created again.
    """
    settings = load()
    log_config.install(settings)
    services = prepare(settings, may_create=False)
    if loss := _run(services, settings, socket.socket(fileno=fd), ready, load, life):
        raise DatabaseLost(loss)


def _run(
    services: Services,
    settings: Settings,
    sock: socket.socket,
    ready: Callable[[], None],
    load: Load,
    life: int | None = None,
) -> str | None:
    """Serve until the end; return what became of a lost database."""
    role, failure = PortServer(services.database, life), ""
    tracing.start()
    try:
        run(services, settings, sock, ready, role, load)
    except Failed as error:
        if not role.has_lost_database():
            raise
        failure = f" {error.detail}"
    if not role.has_lost_database():
        return None
    return f"the server has ended, because {role.loss}.{role.aside()}{failure}"


class DatabaseLost(Failed):
    """A worker has lost its database: its parent ends all of them."""

    exit_code = server_process.LOST_DATABASE


class PortServer(Role):
    """A server on a port, alone or a worker.

    It stops when the file of its SQLite database, or one of its log, is deleted or replaced,
    because what it stored then would be lost, and a worker also when its parent was killed.
    """

    may_have_proxies = True

    def __init__(self, database: Database, life: int | None) -> None:
        """`life` is the end of a pipe whose other end the parent of workers holds."""
        self.loss = f"its database {database.file} was deleted or replaced"
        self._remedy = "put the right file in its place"
        self._database = database
        self._files = DatabaseFiles(database)
        self._life = life
        self._has_lost = False

    async def watch(self) -> None:
        """Return once the parent has ended, or the database is lost."""
        loop, has_parent_ended = asyncio.get_running_loop(), asyncio.Event()
        if self._life is not None:
            loop.add_reader(self._life, has_parent_ended.set)
        try:
            while not self.has_lost_database():
                if await wait_for_event(has_parent_ended, self._files.seconds_to_next_check()):
                    return
        finally:
            if self._life is not None:
                loop.remove_reader(self._life)

    def refusal(self) -> Unavailable | None:
        """Return the refusal of all requests once the database is lost."""
        if self._files.begin_look():
            self.has_lost_database()
        if not self._has_lost:
            return None
        return Unavailable(
            "The database was deleted or replaced; this server's host must see to it."
        )

    def leaving(self) -> None:
        """Look once more: another worker may have noticed a loss first."""
        self.has_lost_database()

    async def ended(self) -> None:
        """Send the last traces."""
        await tracing.stop()

    def has_lost_database(self) -> bool:
        """Whether a file of the database was deleted or replaced; the first time, log it."""
        if not self._has_lost and not self._are_files_intact():
            self._has_lost = True
            server_log.error(
                "this server ends, because %s: %s, then start it again", self.loss, self._remedy
            )
        return self._has_lost

    def _are_files_intact(self) -> bool:
        if not self._files.is_main_intact():
            return False
        if self._database.is_closed or self._files.is_log_intact():
            return True
        self._database.has_lost_log = True
        self.loss = f"the -wal or -shm file of its database {self._database.file} was deleted"
        self._remedy = "let it end, which saves what was in them"
        return False

    def aside(self) -> str:
        """Set the log of a replaced database aside, and return where it is."""
        names = " and ".join(str(path) for path in self._files.set_log_aside())
        return (
            names and f" Its latest changes are in {names}, and belong to the file that was there."
        )


def _greeting(sock: socket.socket, workers: int = 1) -> str:
    host, port = sock.getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
    count = f", {workers} processes" if workers > 1 else ""
    return (
        f"askcli {__version__} serves http://{name}:{port} (docs at /docs{count}), Ctrl-C ends it."
    )


def _listen_tcp(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.create_server((host, port), family=family, backlog=BACKLOG)
        # Little waits in the kernel, so that a slow reader is seen to take it piece by piece.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    except (OSError, TypeError, UnicodeError) as error:
        reason = _reason(error)
        raise Failed(f"cannot listen on {host}:{port}: {reason}.") from None
    return sock


def _reason(error: Exception) -> str:
    resolving = error.__context__ or error  # of create_server's own, which has its number alone
    if isinstance(resolving, socket.gaierror):
        return str(resolving.strerror)
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)  # asyncio and socket add the address to `strerror`
    return "that is not an address"
