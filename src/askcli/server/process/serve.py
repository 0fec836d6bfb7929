"""Serves the API on a TCP port for a team, or on a Unix socket for one user's commands."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import uvicorn

from askcli import __version__
from askcli.errors import Failed
from askcli.files import PidFile, private_directory
from askcli.server.app import create_app
from askcli.server.bootstrap import Services, build
from askcli.server.http import trusted_hosts
from askcli.server.http.activity import Activity
from askcli.server.http.protocol import BoundedProtocol
from askcli.server.process import announcements, log_config
from askcli.server.process.uvicorn_server import Server
from askcli.server.process.workers import Workers
from askcli.services.auth.signing_key import secret_path
from askcli.settings import Settings
from askcli.settings.registration import OF_THE_LOCAL_SERVER, Registration
from askcli.store import migrations

log = logging.getLogger("askcli.notices")

GRACEFUL_SECONDS = 5  # for the last bytes to slow readers: all answers have ended by then
# Longer than clients and proxies keep idle connections (httpx2 5 s, nginx 60 s): a server that
# closes first may break the request that is just being sent.
KEEP_ALIVE_SECONDS = 75
BACKLOG = 2048


def prepare(settings: Settings, registration: Registration | None = None) -> Services:
    """Build the services, with a database that is reachable and migrated."""
    services = build(settings, registration)
    migrations.make_ready(services.database)
    return services


def serve_tcp(settings: Settings) -> None:
    """Serve on the settings' host and port until a signal comes. Raises Failed or Misused."""
    services = prepare(settings)
    if not settings.jwt_secret:
        path = secret_path(settings.data_dir)
        log.info("JWT_SECRET is not set: using the one kept in %s.", path)
    sock = _listen_tcp(settings.host, settings.port)
    announcements.report_registration(settings)
    _run(services, settings, sock, lambda: log.info(_greeting(sock)))


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
    _run(prepare(settings), settings, sock, ready, life=life)


def _greeting(sock: socket.socket, workers: int = 1) -> str:
    host, port = sock.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    count = f", {workers} processes" if workers > 1 else ""
    return (
        f"askcli {__version__} serves http://{shown}:{port} (docs at /docs{count}), Ctrl-C ends it."
    )


def serve_socket(settings: Settings, path: Path, ready: Callable[[], None]) -> None:
    """Serve on the Unix socket `path` until a signal comes or the idle time is over.

    Returns at once when another process serves there already.
    """
    private_directory(path.parent)
    claim = PidFile(path.with_suffix(".pid"))
    if not claim.claim():
        return

    def release() -> None:
        """Release the socket: another server may take over while this one finishes its answers."""
        if claim.is_held:
            path.unlink(missing_ok=True)
            claim.release()

    try:
        services = prepare(settings, OF_THE_LOCAL_SERVER)
        sock = _listen_unix(path)
        _run(services, settings, sock, ready, settings.idle_seconds, release)
    finally:
        release()


def _listen_tcp(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, TypeError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "that is not an address"
        raise Failed(f"cannot listen on {host}:{port}: {reason}.") from None
    return sock


def _listen_unix(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)  # left by a killed server, whose lock this process holds now
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(str(path))
    sock.listen(BACKLOG)
    return sock


def _run(
    services: Services,
    settings: Settings,
    sock: socket.socket,
    ready: Callable[[], None],
    idle_seconds: int | None = None,
    leaving: Callable[[], None] = lambda: None,
    life: int | None = None,
) -> None:
    activity = Activity()
    config = uvicorn.Config(
        create_app(services, activity, trusted_hosts.allowed(settings, sock)),
        loop="uvloop",
        http=BoundedProtocol,
        lifespan="on",
        log_config=log_config.config(),
        server_header=False,
        # The client's address is the peer's, unless the peer is a proxy that the host trusts.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        backlog=BACKLOG,
    )
    server = Server(config, services.runs, settings.drain_seconds, ready, leaving)

    async def main() -> None:
        idle_stop = asyncio.create_task(_stop_when_idle(server, services, activity, idle_seconds))
        if life is not None:  # readable once the parent has closed the other end
            loop = asyncio.get_running_loop()
            loop.add_reader(life, lambda: _on_parent_exit(loop, life, server))
        await server.serve(sockets=[sock])
        idle_stop.cancel()
        with suppress(asyncio.CancelledError):
            await idle_stop

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(main())
    if not server.started:
        raise Failed("the server could not start; the lines above say why.")


def _on_parent_exit(loop: asyncio.AbstractEventLoop, life: int, server: Server) -> None:
    loop.remove_reader(life)
    server.leave()


async def _stop_when_idle(
    server: Server, services: Services, activity: Activity, idle_seconds: int | None
) -> None:
    while idle_seconds is not None:
        remaining = idle_seconds - (0.0 if services.runs.active else activity.idle_seconds())
        if remaining <= 0:
            server.leave()
            return
        await asyncio.sleep(max(remaining, 0.05))
