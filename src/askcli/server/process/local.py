"""Serves the API on a Unix socket, for one user's commands.

The local server leaves when it is idle, and when its socket, its pid file or a file of its database
was deleted or replaced: what it stored then would be lost, and `askcli serve --stop` would not find
it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from functools import partial
from pathlib import Path

from askcli.errors import Failed, ShuttingDown
from askcli.files import errors_of, private_directory
from askcli.files.pid_file import FileIdentities, PidFile
from askcli.server.bootstrap import Services
from askcli.server.process import log_config
from askcli.server.process.database_files import DatabaseFiles
from askcli.server.process.listening import BACKLOG
from askcli.server.process.running import Role, prepare, run
from askcli.server_process import ReadyPipe, accepts
from askcli.services.background import wait_for_event
from askcli.settings import Settings
from askcli.settings.registration import OF_THE_LOCAL_SERVER

log = logging.getLogger("askcli.notices")

# A server whose socket was deleted holds the pid file until its next check.
CLAIM_SECONDS = 10.0


def serve_socket(settings: Settings, path: Path, ready: ReadyPipe) -> None:
    """Serve on the Unix socket `path` until a signal comes or the idle time is over.

    Raises Failed when another process serves there already.
    """
    log_config.install(settings)
    private_directory(path.parent)
    claim = PidFile(path.with_suffix(".pid"))
    with errors_of(claim.path):
        is_claimed = claim.claim(CLAIM_SECONDS, unless=partial(accepts, path))
    if not is_claimed:
        raise Failed(
            f"process {claim.holder()} is still starting or ending, as while it migrates a large "
            "database: wait for it, or end it with `askcli serve --stop`."
        )
    try:
        services = prepare(settings, OF_THE_LOCAL_SERVER, on_migration=ready.migrating)
        with errors_of(path):
            sock = _listen(path)
        role = LocalServer(path, claim, services, settings.idle_seconds)
        try:
            run(services, settings, sock, ready.ready, role)
        finally:
            role.leaving()
            role.set_log_aside()
    finally:
        claim.release()


class LocalServer(Role):
    """The local server, whose files and idle time are watched."""

    def __init__(
        self, socket_path: Path, claim: PidFile, services: Services, idle_seconds: int
    ) -> None:
        self._database = services.database
        self._files = FileIdentities([socket_path, claim.path])
        self._database_files = DatabaseFiles(self._database)
        self._socket_path = socket_path
        self._claim = claim
        self._runs = services.runs
        self._idle_seconds = idle_seconds
        self._is_leaving = asyncio.Event()
        self._has_lost = False

    async def watch(self) -> None:
        """Return when the server has been idle for its time, or a file of it is lost."""
        while not self._has_lost_files() and not self._is_leaving.is_set():
            idle = 0.0 if self._runs.active else self.activity.idle_seconds()
            if (remaining := self._idle_seconds - idle) <= 0:
                return
            seconds = self._database_files.seconds_to_next_check()
            await wait_for_event(self._is_leaving, min(seconds, remaining))

    def refusal(self) -> ShuttingDown | None:
        """Return the refusal of all requests once a file is lost; this server leaves then."""
        return ShuttingDown(retry_after=0) if self._has_lost_files() else None

    def _has_lost_files(self) -> bool:
        if not self._is_leaving.is_set() and not self._are_files_intact():
            log.warning("The local server leaves: its socket or its database was deleted.")
            self._has_lost = True
            self.leaving()
        return self._has_lost

    def _are_files_intact(self) -> bool:
        database = self._database_files
        return self._files.are_intact() and database.is_main_intact() and database.is_log_intact()

    def leaving(self) -> None:
        """Let another server take over while this one finishes its answers."""
        if not self._is_leaving.is_set():
            files = self._database_files
            self._database.has_lost_log = not files.is_log_intact()
            try:
                self._give_up_names()
            except OSError as error:  # it ends all the same, and the next one takes their place
                log.warning("The local server's socket or pid file cannot be removed: %s", error)
            self._is_leaving.set()

    def _give_up_names(self) -> None:
        """Remove the socket, and let another server claim the place where that may start now.

        Closing the database saves what is in a log without a name, unless another server has opened
        it before, and the log of one that was moved or replaced is set aside at the end: the other
        server waits for the claim.
        """
        self._files.unlink(self._socket_path)
        if not self._database.has_lost_log and self._database_files.is_main_intact():
            self._claim.set_aside(self._runs.active)

    def set_log_aside(self) -> None:
        """Set the log of a database that was moved or replaced aside, once it is closed."""
        for path in self._database_files.set_log_aside():
            log.warning("The database was moved or replaced; what it had last is in %s.", path)


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)  # left by a killed server, whose lock this process holds now
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(str(path))
    sock.listen(BACKLOG)
    return sock
