"""Users of a server, over HTTP and at a shell."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast
from uuid import UUID, uuid4

import bcrypt
import httpx2
from sqlalchemy import Connection

from askcli import __version__
from askcli.client.credentials import Credentials
from askcli.contract.shapes import Tokens
from askcli.services.clock import new_id, now
from askcli.store.queries import users
from tests.support import plain_http
from tests.support.cli import Cli
from tests.support.databases import HasDatabase, database_of
from tests.support.opened_sessions import can_open, open_session
from tests.support.secrets import PASSWORD, SECRETS

# PASSWORD at bcrypt's lowest cost: hundreds of users at the real one would take minutes.
_HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


class Address(Protocol):
    """A server as its clients see it: its own URL, or that of a proxy before it."""

    @property
    def url(self) -> str: ...


class Server(Address, HasDatabase, Protocol):
    """A server's address and database."""


@dataclass(frozen=True)
class ServerBehindProxy:
    """A server as its users see it behind a proxy."""

    url: str
    database_url: str


@dataclass
class Person:
    """A user of a server, with a client that sends their token."""

    http: httpx2.Client
    email: str
    tokens: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.tokens["user"]["id"])

    def at(self, server: Address) -> httpx2.Client:
        """This user's client to another server of the same database."""
        return plain_http.client(server.url, headers=self.http.headers)

    def ask(self, question: str, **fields: Any) -> httpx2.Response:
        """POST /api/questions."""
        return self.http.post("/api/questions", json={"question": question, **fields})

    def questions(self, http: httpx2.Client | None = None) -> list[dict[str, Any]]:
        """All questions of this user; `http` is their client to another server."""
        items: list[dict[str, Any]] = []
        params = {"limit": "100"}
        while True:
            response = (http or self.http).get("/api/users/me/questions", params=params)
            assert response.status_code == 200, response.text
            page = response.json()
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            params["cursor"] = page["next_cursor"]


# Makes a registered and logged-in user of a server.
NewPerson = Callable[[Server], Person]


def add_user(server: HasDatabase, email: str = "") -> str:
    """Put a user into a server's database; returns the email. Registering has its own tests."""
    email = email or f"{uuid4().hex}@example.org"
    with database_of(server) as connection:
        new_user(connection, email)
    return email


def new_user(connection: Connection, email: str) -> UUID:
    """Put a user into a database; returns the id."""
    user_id = new_id()
    row = {
        "id": user_id,
        "name": "A person",
        "email": email,
        "email_key": email,
        "password_hash": _HASH,
        "created_at": now(),
    }
    users.add(connection, row)
    return user_id


def new_login(server: Server, http: httpx2.Client) -> tuple[str, dict[str, Any]]:
    """A new user who is logged in: their email, and what the login has returned."""
    if can_open(server):
        with database_of(server) as connection:
            user_id = new_user(connection, email := f"{uuid4().hex}@example.org")
            return email, open_session(connection, user_id, http.headers["user-agent"])
    login = {"email": add_user(server), "password": PASSWORD}
    tokens = http.post("/api/auth/login", json=login).json()
    assert "access_token" in tokens, tokens
    return login["email"], tokens


def logged_in(cli: Cli, server: HasDatabase, email: str = "") -> Cli:
    """Log this user in to a server, with an account of their own unless one is named."""
    if not email and can_open(server) and _is_plain(cli, server):
        return _put_login(cli, server)
    words = ("login", "--email", email or add_user(server), "--password-stdin")
    done = cli.in_process(*words, stdin=PASSWORD + "\n")
    assert done.code == 0, done
    config = Path(cli.environment.get("ASKCLI_CONFIG_DIR", cli.home / ".config/askcli"))
    content = (config / "credentials.json").read_text()
    SECRETS.learn_from(content, ("access_token", "refresh_token"))
    return cli


def _is_plain(cli: Cli, server: Any) -> bool:
    """Whether a login saves nothing that its settings say, and finds nothing saved."""
    own = {name for name in cli.environment if name.startswith("ASKCLI")} - {"ASKCLI_SERVER"}
    has_url = cli.environment.get("ASKCLI_SERVER") == server.url
    return has_url and not own and not (cli.home / ".config").exists()


def _put_login(cli: Cli, server: Any) -> Cli:
    with database_of(server) as connection:
        user_id = new_user(connection, f"{uuid4().hex}@example.org")
        tokens = open_session(connection, user_id, f"askcli/{__version__}")
    with Credentials(token_file(cli).parent, None, 60).update(server.url) as entry:
        entry.put(cast(Tokens, tokens))
    return cli


def token_file(cli: Cli) -> Path:
    return cli.home / ".config/askcli/credentials.json"


def account(cli: Cli, server: Address) -> dict[str, Any]:
    """The account that the token file holds."""
    content = json.loads(token_file(cli).read_text())
    entry: dict[str, Any] = content["accounts"][server.url][content["current"][server.url]]
    return entry


def change_account(cli: Cli, server: Address, **values: Any) -> None:
    """Change what the token file holds, as time or a thief would."""
    content = json.loads(token_file(cli).read_text())
    content["accounts"][server.url][content["current"][server.url]].update(values)
    token_file(cli).write_text(json.dumps(content))


def asked(cli: Cli, *questions: str) -> list[str]:
    """Ask these at once; their ids, in their order."""
    stdin = "".join(json.dumps(question) + "\n" for question in questions)
    done = cli.in_process("batch", "-q", "-j", "1", "-", stdin=stdin)
    assert done.code == 0, done
    return [json.loads(line)["id"] for line in done.out.splitlines()]
