"""askcli serve and migrate: the host's commands, and the only ones that load the server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from askcli import settings
from askcli.cli.commands.admin import database as hosting
from askcli.cli.output import console
from askcli.client import local_server
from askcli.settings import Settings


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Where to listen [127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option("--port", help="The port [3000].")] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=256, help="How many processes.")
    ] = 1,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop the local server that `ask` started.")
    ] = False,
    socket: Annotated[Path | None, typer.Option("--socket", hidden=True)] = None,
    fd: Annotated[int | None, typer.Option("--fd", hidden=True)] = None,
    life_fd: Annotated[int | None, typer.Option("--life-fd", hidden=True)] = None,
    ready_fd: Annotated[int | None, typer.Option("--ready-fd", hidden=True)] = None,
) -> None:
    """Serve the API on this machine."""
    if stop:
        _stop()
    elif socket is not None:
        _serve_socket(socket, ready_fd)
    elif fd is not None and life_fd is not None:
        told = settings.load({"host": host, "port": port}, dotenv=True)
        _serve_worker(told, fd, life_fd, ready_fd)
    else:
        _serve_tcp(settings.load({"host": host, "port": port}, dotenv=True), workers)


def _stop() -> None:
    stopped = local_server.stop(settings.load())
    console.note("Stopped the local server." if stopped else "No local server is running.")


def _serve_socket(socket: Path, ready_fd: int | None) -> None:
    from askcli.server.process.serve import serve_socket

    serve_socket(settings.load(), socket, lambda: _tell_ready(ready_fd))


def _serve_worker(told: Settings, fd: int, life_fd: int, ready_fd: int | None) -> None:
    from askcli.server.process.serve import serve_worker

    serve_worker(told, fd, life_fd, lambda: _tell_ready(ready_fd))


def _tell_ready(ready_fd: int | None) -> None:
    if ready_fd is not None:
        os.write(ready_fd, b"1")
        os.close(ready_fd)


def _serve_tcp(told: Settings, workers: int) -> None:
    from askcli.server.process import serve as run

    if workers > 1:
        run.serve_workers(told, workers, console.note)
    else:
        run.serve_tcp(told, console.note)


def migrate() -> None:
    """Bring the database's schema to this version."""
    from askcli.store import migrations
    from askcli.store.database import telling_why

    with hosting.database() as database, telling_why(database):
        before, after = migrations.upgrade(database)
    if before == after:
        console.note(f"The database is at version {after} already.")
    else:
        console.note(f"Migrated the database from {before or 'nothing'} to version {after}.")
