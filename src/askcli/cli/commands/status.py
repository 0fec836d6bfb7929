"""askcli status and openapi: what there is to talk to, how well, and what to mend."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from askcli import __version__, settings
from askcli.cli.input import options
from askcli.cli.output import console
from askcli.client import local_server
from askcli.client.api import Api
from askcli.client.credentials import NEVER
from askcli.client.target import Connection
from askcli.errors import AskcliError, NotAuthenticated


@dataclass
class Found:
    """What was found out, and what is wrong: the error that ends the command is the first one."""

    told: dict[str, Any]
    problems: list[AskcliError] = field(default_factory=list)

    def tell(self, **more: Any) -> None:
        """Note what else was found."""
        self.told |= more


def status(
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Show the server, the account and the local server; nothing is started for it.

    The exit code is 0 when a question could be asked now.
    """
    found = _found(options.connection(server, profile))
    if as_json:
        # The first problem is told on stderr, as after any command; here stand all of them.
        problems = [{"code": error.code, "detail": error.detail} for error in found.problems]
        console.out_json(found.told | {"problems": problems})
    else:
        for name, value in found.told.items():
            console.out(f"{name.replace('_', ' '):16}{'' if value is None else value}\n")
        for error in found.problems[1:]:
            console.note(f"askcli: {error.detail}")
    if found.problems:
        raise found.problems[0]


def _found(connection: Connection) -> Found:
    told = connection.settings
    pids = [server.holder() for server in local_server.running(told)]
    found = Found(
        {
            "version": __version__,
            "server": connection.place.name,
            "account": _account(connection),
            "token_life": _token_life(connection),
            "local_server": _running(pids),
            "config": str(settings.config_path()),
            "data": str(told.data_dir),
            "log": str(local_server.log_path(told)),
        }
    )
    socket = connection.place.socket
    if socket and not local_server.listens(socket):
        found.tell(state="starts when you ask")
        return found
    with connection.api() as api:
        _try_server(api, found)
        if not found.problems:
            _try_login(connection, api, found)
    return found


def _running(pids: list[int | None]) -> str:
    return f"running, process {', '.join(map(str, pids))}" if pids else "not running"


def _try_server(api: Api, found: Found) -> None:
    began = time.monotonic()
    try:
        ready = api.ready()
    except AskcliError as error:
        found.tell(state=error.code)
        found.problems.append(error)
        return
    latency = round((time.monotonic() - began) * 1000, 1)
    found.tell(
        state="ready",
        server_version=ready["version"],
        database=ready.get("database"),
        latency_ms=latency,
    )
    if ready["version"] != __version__:
        console.note(
            f"askcli: this is {__version__}, the server {ready['version']}: "
            "what only one of them knows will not work."
        )


def _try_login(connection: Connection, api: Api, found: Found) -> None:
    if _account(connection) is None and not connection.place.socket:
        found.problems.append(
            NotAuthenticated(
                f"not logged in to {connection.place.name}: "
                "run `askcli login` or `askcli register`."
            )
        )
        return
    try:
        found.tell(model=api.models()["default"])
    except AskcliError as error:
        found.problems.append(error)


def _account(connection: Connection) -> str | None:
    if connection.settings.token:
        return "from ASKCLI_TOKEN"
    account = connection.credentials.current(connection.place.key)
    return account["user"]["email"] if account else None


def _token_life(connection: Connection) -> str | None:
    """How long the access token lasts; it renews itself, but for one that was given."""
    account = connection.credentials.current(connection.place.key)
    if connection.settings.token or account is None:
        return None
    expires_at = account.get("expires_at", 0.0)
    if expires_at >= NEVER:
        return "an API token: `askcli token list` with a login tells"
    left = expires_at - time.time()
    return f"{left / 60:.0f} min, then renewed" if left > 0 else "over, renewed at the next command"


def openapi(server: options.Server = None, profile: options.Profile = None) -> None:
    """Print the API's OpenAPI document."""
    with options.connected(server, profile) as api:
        console.out_json(api.openapi(), indent=2)
