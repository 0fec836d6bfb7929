"""askcli status and openapi: the server, the account, and their problems."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from askcli import __version__, settings
from askcli.cli.input import options
from askcli.cli.output.terminal import console
from askcli.client import local_server
from askcli.client.api import Api
from askcli.client.server_entry import NEVER
from askcli.client.target import Connection
from askcli.errors import AskcliError, BadResponse, Failed, NotAuthenticated
from askcli.settings import Settings

T = TypeVar("T")


@dataclass
class Report:
    """Facts by name, and the problems; the first problem is the command's error."""

    facts: dict[str, Any]
    problems: list[AskcliError] = field(default_factory=list)


def status(
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Show the server, the account and the local server; nothing is started for it.

    The exit code is 0 when the server is ready, or answers, and takes the login; quotas and the
    scopes of a token are not looked at. Where a proxy keeps /readyz from clients, the state is
    `answers`, and of the server itself only the version is shown.
    """
    report = _report(options.connection(server, profile))
    if as_json:
        # stderr has the first problem, as after any command; stdout has all of them.
        problems = [{"code": error.code, "detail": error.detail} for error in report.problems]
        console.out_json(report.facts | {"problems": problems})
    else:
        report.facts["account"] = report.facts["account"] or "none"
        for name, value in report.facts.items():
            if value is not None:
                console.out(f"{name.replace('_', ' '):16}{_text(value)}\n")
        for error in report.problems[1:]:
            console.note(f"askcli: {error.detail}")
    if report.problems:
        raise report.problems[0]


def _text(value: Any) -> str:
    if isinstance(value, dict):  # the registration policy
        return f"{value['policy']}, because {value['reason']}"
    return str(value)


def _report(connection: Connection) -> Report:
    options_ = connection.settings
    pids = local_server.running(options_)
    report = Report(
        {
            "version": __version__,
            "server": connection.address.name,
            "account": _account(connection),
            "token_life": _token_life(connection),
            "local_server": _running(pids),
            "config": str(settings.config_path()),
            "data": str(options_.data_dir),
            "log": str(local_server.log_path(options_)),
        }
    )
    report.problems += _unwritable(options_)
    socket = connection.address.socket
    if socket and not local_server.listens(socket):
        report.facts["state"] = "starts when you ask"
        return report
    with connection.api() as api:
        _check_server(api, report)
        if not report.problems:
            _check_login(connection, api, report)
    return report


def _running(pids: list[int]) -> str:
    return f"running, process {', '.join(map(str, pids))}" if pids else "not running"


def _unwritable(options_: Settings) -> list[AskcliError]:
    """Return an error for each directory that commands write to and cannot."""
    paths = {options_.config_dir, options_.data_dir, options_.state_dir, options_.runtime_dir}
    return [
        Failed(f"cannot write {path}: correct its permissions, or set another directory.")
        for path in sorted(paths)
        if not _is_writable(path)
    ]


def _is_writable(path: Path) -> bool:
    try:
        existing = next(place for place in (path, *path.parents) if place.exists())
        return existing.is_dir() and os.access(existing, os.W_OK)
    except PermissionError:  # to look into one of the parents
        return False


def _check_server(api: Api, report: Report) -> None:
    try:
        report.facts |= _server(api)
    except AskcliError as error:
        report.facts["state"] = error.code
        report.problems.append(error)
        return
    if (version := report.facts["server_version"]) != __version__:
        console.note(
            f"askcli: this is {__version__}, the server {version}: "
            "features that only one version has will not work."
        )


def _server(api: Api) -> dict[str, Any]:
    """Return what the server says of itself; most of it is in /readyz alone."""
    try:
        ready, milliseconds = _timed(api.ready)
    except BadResponse:
        # Proxies keep that path from clients, as those of deploy/proxies do.
        document, milliseconds = _timed(api.openapi)
        version = _version(document)
        return {"state": "answers", "server_version": version, "latency_ms": milliseconds}
    return {
        "state": "ready",
        "server_version": ready["version"],
        "database": ready.get("database"),
        "registration": ready.get("registration"),
        "latency_ms": milliseconds,
    }


def _timed(call: Callable[[], T]) -> tuple[T, float]:
    start = time.monotonic()
    result = call()
    return result, round((time.monotonic() - start) * 1000, 1)


def _version(document: dict[str, Any]) -> str:
    """Return the version of the API's document. Raises BadResponse for another program's."""
    match document:
        case {"info": {"title": "askcli", "version": str(version)}}:
            return version
    raise BadResponse()


def _check_login(connection: Connection, api: Api, report: Report) -> None:
    if _account(connection) is None and not connection.is_local:
        name, options_ = (
            connection.address.name,
            connection.credentials.options(connection.address.url),
        )
        report.problems.append(
            NotAuthenticated(
                f"not logged in to {name}: run `askcli login {options_}` "
                f"or `askcli register {options_}`."
            )
        )
        return
    try:
        report.facts["model"] = api.models()["default"]
    except AskcliError as error:
        report.problems.append(error)


def _account(connection: Connection) -> str | None:
    if connection.settings.token:
        return f"from {settings.place('token')}"
    account = connection.credentials.current(connection.address.key)
    return account["user"]["email"] if account else None


def _token_life(connection: Connection) -> str | None:
    """Return how long the access token is valid; None for ASKCLI_TOKEN: its expiry is unknown."""
    account = connection.credentials.current(connection.address.key)
    if connection.settings.token or account is None:
        return None
    expires_at = account.get("expires_at", 0.0)
    if expires_at >= NEVER:
        return "API token; log in and run `askcli token list` for its expiry"
    seconds = expires_at - time.time()
    if seconds <= 0:
        return "expired; the next command renews it"
    return f"{seconds / 60:.0f} min, then renewed"


def openapi(server: options.Server = None, profile: options.Profile = None) -> None:
    """Print the API's OpenAPI document."""
    with options.connected(server, profile) as api:
        console.out_json(api.openapi(), indent=2)
