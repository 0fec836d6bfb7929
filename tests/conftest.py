"""The suite's fixtures: databases, a fake Anthropic, real servers, users."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from uuid import uuid4

import httpx2
import hypothesis
import pytest

from tests.support import plain_http
from tests.support.cli import Cli, NewCli
from tests.support.databases import (
    SHARED,
    Databases,
    NewDatabase,
    all_that_is_stored,
    postgres_in,
)
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.loading import load_test_modules
from tests.support.memory import use_memory_for_temporary_files
from tests.support.people import NewPerson, Person, Server, logged_in, new_login
from tests.support.processes import ServerProcess
from tests.support.scheduling import in_order, modules_after_collection
from tests.support.secrets import SECRETS
from tests.support.servers import serving
from tests.support.soak import SOAK

use_memory_for_temporary_files()

# A shell starts background jobs with SIGINT ignored, nohup with SIGHUP; child processes inherit it:
# tests of Ctrl-C and of closed terminals would fail in such a run.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)

# No time is measured, and the suite tries the same few examples each time; `make soak` many others.
hypothesis.settings.register_profile(
    "suite",
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile("soak", max_examples=2000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("soak" if SOAK else "suite")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Spare the garbage collector what lives to the end of the run: half of its time."""
    gc.disable()
    load_test_modules(session.config)
    try:
        return (yield)
    finally:
        modules_after_collection.update(sys.modules)
        gc.freeze()
        gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep together what shares servers."""
    from tests.support.scheduling import Scheduling

    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = in_order(items)


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
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL, one for all test processes."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    # Not pytest's directory: PostgreSQL, which never runs as root, must be able to enter it.
    base = Path(tempfile.gettempdir()) / f"askcli-postgres-{run}"
    server = postgres_in(base, "delete", SHARED)
    yield server.get_uri()
    server.cleanup()
    if not (base / "data").exists():
        shutil.rmtree(base)


@pytest.fixture(scope="session")
def new_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> NewDatabase:
    """Makes databases, of which only PostgreSQL's need a server."""
    return Databases(
        lambda: tmp_path_factory.mktemp("sqlite") / "askcli.db",
        lambda: str(request.getfixturevalue("postgres")),
    )


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, new_database: NewDatabase) -> str:
    """An empty, migrated database of each kind."""
    return new_database(request.param)


@pytest.fixture(scope="session")
def server(
    database_url: str, fake: FakeAnthropic, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A real server, on SQLite and on PostgreSQL."""
    home = tmp_path_factory.mktemp("server")
    process = serving(home, fake, database_url, ASKCLI_UPSTREAM_ATTEMPTS="2")
    yield process
    assert process.stop() == 0
    error = process.first_error()
    assert not error, error
    assert not SECRETS.found_in("".join(process.log))
    assert not SECRETS.found_in(all_that_is_stored(process))


@pytest.fixture(scope="session")
def sqlite_server(
    new_database: NewDatabase, fake: FakeAnthropic, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A real server on SQLite, for what does not depend on the database."""
    process = serving(tmp_path_factory.mktemp("server"), fake, new_database("sqlite"))
    yield process
    assert process.stop() == 0


@pytest.fixture(scope="session")
def twin(
    server: ServerProcess, fake: FakeAnthropic, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """Another server process on the same database."""
    process = serving(tmp_path_factory.mktemp("twin"), fake, server.database_url)
    yield process
    assert process.stop() == 0


@pytest.fixture
def new_person() -> Iterator[NewPerson]:
    """Makes a registered and logged-in user of a server."""
    yield from _people()


@pytest.fixture(scope="module")
def people() -> Iterator[NewPerson]:
    """The same, for as long as a module's tests take."""
    yield from _people()


def _people() -> Iterator[NewPerson]:
    clients: list[httpx2.Client] = []

    def make(server: Server) -> Person:
        http = plain_http.client(server.url)
        clients.append(http)
        email, tokens = new_login(server, http)
        http.headers["x-access-token"] = tokens["access_token"]
        return Person(http, email, tokens)

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def alice(server: ServerProcess, new_person: NewPerson) -> Person:
    """A user."""
    return new_person(server)


@pytest.fixture
def bob(server: ServerProcess, new_person: NewPerson) -> Person:
    """Another user of the same server."""
    return new_person(server)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home directory."""
    return tmp_path


@pytest.fixture
def new_cli(tmp_path: Path) -> Iterator[NewCli]:
    """Makes users at a shell, each with a home of their own."""
    # Short, because a Unix socket's path must be.
    with tempfile.TemporaryDirectory(prefix="askcli") as runtime:

        def make(server: ServerProcess | None = None, /, **settings: str) -> Cli:
            if server:
                settings["ASKCLI_SERVER"] = server.url
            own = Path(runtime) / uuid4().hex[:8]
            own.mkdir(mode=0o700)
            home = tmp_path / uuid4().hex[:8]
            return Cli(home, SECRETS.note_output, **({"XDG_RUNTIME_DIR": str(own)} | settings))

        yield make


@pytest.fixture
def cli(server: ServerProcess, new_cli: NewCli) -> Cli:
    """A logged-in user at a shell."""
    return logged_in(new_cli(server), server)


@pytest.fixture
def sqlite_cli(sqlite_server: ServerProcess, new_cli: NewCli) -> Cli:
    """A logged-in user at a shell, where the database does not matter."""
    return logged_in(new_cli(sqlite_server), sqlite_server)


@pytest.fixture
def host(server: ServerProcess, new_cli: NewCli) -> Cli:
    """The host at the server's machine."""
    return new_cli(DB_CONN_STRING=server.database_url)
