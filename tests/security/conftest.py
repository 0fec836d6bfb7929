"""Servers with limits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.fake_anthropic import FakeAnthropic
from tests.support.limits import DEFAULT
from tests.support.processes import ServerProcess
from tests.support.servers import server_settings, serving


@pytest.fixture(scope="module")
def limited(
    request: pytest.FixtureRequest,
    server: ServerProcess,
    fake: FakeAnthropic,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ServerProcess]:
    """A server on the same database, with the limits as they are unless set otherwise.

    A module's `SERVER` says how it is started.
    """
    home, start = (
        tmp_path_factory.mktemp("limited"),
        getattr(request.module, "SERVER", ServerProcess),
    )
    more = DEFAULT | {"ASKCLI_TRUSTED_PROXIES": "127.0.0.3", "ASKCLI_ANSWERER": "anthropic"}
    process = start(home, **server_settings(fake, server.database_url, **more))
    yield process
    assert process.stop() == 0


@pytest.fixture(scope="module")
def replica(
    limited: ServerProcess, fake: FakeAnthropic, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """Another one like it."""
    home = tmp_path_factory.mktemp("replica")
    process = serving(home, fake, limited.database_url, **DEFAULT)
    yield process
    assert process.stop() == 0
