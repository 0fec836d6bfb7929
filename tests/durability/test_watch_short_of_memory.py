"""A server in which memory was short for a moment as it watched its files: it watches on."""

from __future__ import annotations

from pathlib import Path

from tests.support.databases import migrated_file
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.servers import customized, serving
from tests.support.waiting import eventually

# The first timer of the watch cannot be set.
SHORT = """
import asyncio, sys
real, failed = asyncio.timeout, []
def timeout(*arguments):
    waiting = sys._getframe(1)
    names = waiting.f_code.co_name, waiting.f_back.f_code.co_name
    if names == ("wait_for_event", "watch") and not failed:
        failed.append(None)
        raise MemoryError
    return real(*arguments)
asyncio.timeout = timeout
"""


def test_a_server_whose_watch_failed_once_notices_that_its_database_is_deleted(
    fake: FakeAnthropic, tmp_path: Path
) -> None:
    file = tmp_path / "askcli.db"
    server = serving(tmp_path, fake, migrated_file(file), **customized(tmp_path, SHORT))
    try:
        file.unlink()
        assert server._process.wait(30) == 1
        eventually(lambda: "was deleted or replaced" in server.log[-1])
        assert any("watch failed, and will be tried again" in line for line in server.log)
    finally:
        server._process.kill()
        server.stop()
