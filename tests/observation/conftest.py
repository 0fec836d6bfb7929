"""A server of two workers that logs JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.processes import ServerProcess
from tests.support.secrets import SECRETS
from tests.support.servers import server_settings


@pytest.fixture(scope="session")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of the server's temporary files, of which it leaves none."""
    directory = tmp_path_factory.mktemp("temporary")
    yield directory
    assert not [*directory.iterdir()]


@pytest.fixture(scope="session")
def observed(
    new_database: NewDatabase,
    fake: FakeAnthropic,
    temporary: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ServerProcess]:
    """The server."""
    more = {"ASKCLI_LOG": "json", "ASKCLI_LOGIN_LIMIT": "2/300", "TMPDIR": str(temporary)}
    settings = server_settings(fake, new_database("sqlite"), **more)
    process = ServerProcess(tmp_path_factory.mktemp("observed"), "--workers", "2", **settings)
    yield process
    code = process.stop()
    assert code == 0, "".join(process.log[-25:])
    lines = [json.loads(line) for line in process.log]  # every one of them is JSON
    assert not [line for line in lines if line["level"] == "error"]
    assert not SECRETS.found_in("".join(process.log))
