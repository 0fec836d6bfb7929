"""Heads of responses that come in parts, or not whole, on the way to the command."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from tests.support.cli import NewCli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import logged_in
from tests.support.processes import ServerProcess
from tests.support.proxy import Proxy

EARLY = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"


@pytest.mark.parametrize("provisional", [EARLY, EARLY * 3 + b"HTTP/1.1 102 Processing\r\n\r\n"])
def test_each_row_gets_its_own_answer_behind_provisional_responses(
    sqlite_server: ServerProcess, new_cli: NewCli, fake: FakeAnthropic, provisional: bytes
) -> None:
    markers = [uuid4().hex for _ in range(4)]
    for marker in markers:
        fake.on(marker, f"of {marker}")
    with Proxy(sqlite_server.url) as proxy:
        cli = logged_in(new_cli(ASKCLI_SERVER=proxy.url), sqlite_server)
        (cli.home / "rows.jsonl").write_text("".join(f'"{marker}"\n' for marker in markers))
        proxy.provisional = provisional
        done = cli("batch", "-q", "-j", "1", "rows.jsonl")
    assert done.code == 0, done
    answers = [json.loads(line)["answer"] for line in done.out.splitlines()]
    assert answers == [f"of {marker}" for marker in markers]


@pytest.mark.parametrize("after", [12, 25, 60])
def test_a_head_that_is_cut_off_is_a_lost_connection(
    sqlite_server: ServerProcess, new_cli: NewCli, fake: FakeAnthropic, after: int
) -> None:
    marker = uuid4().hex
    fake.on(marker, "whole")
    with Proxy(sqlite_server.url) as proxy:
        cli = logged_in(new_cli(ASKCLI_SERVER=proxy.url), sqlite_server)
        connections = proxy.connections
        proxy.end_replies(2, after)
        done = cli("ask", marker)
        assert (done.code, done.out) == (0, "whole\n"), done
        assert proxy.connections == connections + 3
    assert len(fake.asked(marker)) == 1
