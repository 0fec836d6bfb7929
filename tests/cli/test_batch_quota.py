"""A batch of a user with a quota, in which a row under way counts as the most that it may cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from askcli.services import admin
from tests.support import plain_http
from tests.support.cli import Cli, NewCli
from tests.support.databases import NewDatabase, database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import logged_in
from tests.support.processes import ServerProcess
from tests.support.servers import serving
from tests.support.waiting import eventually

ROWS = 12
REFUSED = 'askcli_limits_hit_total{limit="quota_tokens_day"}'


@pytest.fixture
def server(
    new_database: NewDatabase, fake: FakeAnthropic, tmp_path: Path
) -> Iterator[ServerProcess]:
    """A server on SQLite, whose refusals are those of one test."""
    process = serving(tmp_path, fake, new_database("sqlite"))
    yield process
    assert process.stop() == 0


def with_quota(server: ServerProcess, cli: Cli, tokens: int) -> None:
    """Give the user a quota of so many tokens a day."""
    email = json.loads(cli.in_process("whoami", "--json").out)["email"]
    with database_of(server) as connection:
        admin.set_quota(connection, email, {"tokens_day": tokens})


def rows_of(cli: Cli, marker: str) -> str:
    """A file of rows, of which three at once reserve more than 2,500 tokens."""
    rows = ({"question": f"{marker} {number}", "max_tokens": 1000} for number in range(ROWS))
    path = cli.home / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def ended(
    server: ServerProcess, cli: Cli, fake: FakeAnthropic, marker: str
) -> tuple[int | None, str]:
    """The exit code and output of a batch, answered once the quota has refused a row of it."""
    held = fake.on(marker, "short", hold_after=0)
    process = cli.start("batch", "-q", rows_of(cli, marker))
    eventually(lambda: REFUSED in plain_http.get(f"{server.url}/metrics").text)
    held.release()
    out, _ = process.communicate(timeout=60)
    return process.returncode, out.decode()


def test_rows_wait_for_what_those_under_way_have_reserved(
    server: ServerProcess, new_cli: NewCli, fake: FakeAnthropic
) -> None:
    cli = logged_in(new_cli(server), server)
    with_quota(server, cli, 2500)
    code, out = ended(server, cli, fake, marker := uuid4().hex)
    assert (code, len(out.splitlines())) == (0, ROWS), out
    assert len(fake.asked(marker)) == ROWS


def test_a_quota_that_is_used_up_ends_a_batch_with_what_was_answered(
    server: ServerProcess, new_cli: NewCli, fake: FakeAnthropic
) -> None:
    cli = logged_in(new_cli(server), server)
    with_quota(server, cli, 15)
    code, _ = ended(server, cli, fake, marker := uuid4().hex)
    assert (code, len(fake.asked(marker))) == (7, 1)
    with_quota(server, cli, 2500)
    done = cli.in_process("batch", "-q", str(cli.home / "rows.jsonl"))
    assert (done.code, len(done.out.splitlines()), len(fake.asked(marker))) == (0, ROWS, ROWS)
