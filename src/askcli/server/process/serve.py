"""Serves the API on a TCP port, by one process or several."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable

from askcli import __version__
from askcli.errors import Failed
from askcli.server.process import announcements
from askcli.server.process.running import BACKLOG, Role, prepare, run
from askcli.server.process.workers import Workers
from askcli.services.auth.signing_key import secret_path
from askcli.settings import Settings

log = logging.getLogger("askcli.notices")

UNSENT_BYTES = 65_536


def serve_tcp(settings: Settings) -> None:
    """Serve on the settings' host and port until a signal comes. Raises Failed or Misused."""
    services = prepare(settings)
    if not settings.jwt_secret:
        path = secret_path(settings.data_dir)
        log.info("JWT_SECRET is not set: using the one kept in %s.", path)
    sock = _listen_tcp(settings.host, settings.port)
    announcements.report_registration(settings)
    run(services, settings, sock, lambda: log.info(_greeting(sock)))


def serve_workers(settings: Settings, count: int) -> None:
    """Serve with `count` worker processes. Raises Failed when a worker does not start."""
    prepare(settings).database.close()  # reports wrong settings once, not by each worker
    sock = _listen_tcp(settings.host, settings.port)
    announcements.report_registration(settings)
    flags = ["--host", settings.host, "--port", str(settings.port)]
    Workers(sock, count, flags).run(lambda: log.info(_greeting(sock, count)))


def serve_worker(settings: Settings, fd: int, life: int, ready: Callable[[], None]) -> None:
    """Serve as one of several workers on the socket `fd`, until the pipe `life` is closed."""
    sock = socket.socket(fileno=fd)
    run(prepare(settings), settings, sock, ready, Worker(life))


class Worker(Role):
    """One of several workers, which stops when its parent was killed."""

    def __init__(self, life: int) -> None:
        """`life` is the end of a pipe whose other end the parent holds."""
        self._life = life

    async def watch(self) -> None:
        """Return once the parent has ended."""
        loop, has_ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._life, has_ended.set)
        try:
            await has_ended.wait()
        finally:
            loop.remove_reader(self._life)


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
    if isinstance(error, socket.gaierror):
        return str(error.strerror)
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)  # asyncio and socket add the address to `strerror`
    return "that is not an address"
