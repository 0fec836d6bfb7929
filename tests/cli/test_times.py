"""Times: local at a terminal, RFC 3339 in UTC elsewhere, and read as they are shown."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from askcli.services.clock import now
from tests.support.cli import Cli, NewCli
from tests.support.hostile import HostileServer
from tests.support.right_responses import ID, QUESTION, TOKEN, response
from tests.support.screen import lines


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/St_Johns"])
def test_what_a_terminal_shows_can_be_typed_again(sqlite_cli: Cli, zone: str) -> None:
    sqlite_cli.environment["TZ"] = zone
    question = json.loads(sqlite_cli("ask", "--json", "when was it").out)
    assert question["created_at"].endswith("Z")
    asked_at = datetime.fromisoformat(question["created_at"]).astimezone(ZoneInfo(zone))
    local_time = f"{asked_at:%Y-%m-%d %H:%M}"
    listed = "\n".join(lines(sqlite_cli.terminal("history").read()))
    assert re.search(r"^@  [0-9a-f]{8}  (just now|\d min ago) +when was it$", listed, re.M), listed
    head = lines(sqlite_cli.terminal("history", "show", question["id"]).read())
    in_full = re.match(r"\S+ \S+", head[0])
    assert in_full and datetime.fromisoformat(in_full[0]) == asked_at.replace(microsecond=0)
    assert in_full[0].startswith(local_time)
    assert question["created_at"] in sqlite_cli("history").out
    assert question["created_at"] in sqlite_cli("history", "export", "--format", "csv").out
    of_day = sqlite_cli("history", "list", "--since", local_time.replace(" ", "T")).out
    assert question["id"] in of_day
    assert sqlite_cli("history", "list", "--until", local_time.replace(" ", "T")).out == ""
    sessions = sqlite_cli("whoami", "--sessions").out
    assert re.search(r"since \d{4}-\d\d-\d\dT[0-9:.]+Z", sessions)
    on_terminal = lines(sqlite_cli.terminal("whoami", "--sessions").read(), 200)
    assert re.search(
        rf"since {asked_at:%Y-%m-%d} \S+, used (just now|\d min ago)", " ".join(on_terminal)
    )


def test_a_token_was_used_so_long_ago(new_cli: NewCli) -> None:
    used = now() - timedelta(hours=36)
    token = TOKEN | {"last_used_at": used.isoformat()}
    with HostileServer(lambda *_: response({"items": [token]})) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any")
        on_terminal = cli.terminal("token", "list", columns=200).read()
        assert re.search(r"ask, used (yesterday|2 days ago), until 2026-01-31 \d", on_terminal)
        assert f"used {used.isoformat()}, until {TOKEN['expires_at']}" in cli("token", "list").out


@pytest.mark.parametrize("time", ["9999-99-99T99:99:99Z", "0000-01-01T00:00:00Z"])
def test_a_time_that_is_none_is_the_servers_failure(new_cli: NewCli, time: str) -> None:
    question = QUESTION | {"created_at": time}
    page = response({"items": [question], "next_cursor": None})
    with HostileServer(lambda _, path: response(question) if path.endswith(ID) else page) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any")
        for words in (("history",), ("history", "show", ID)):
            terminal = cli.terminal(*words)
            written = terminal.read()
            terminal.wait()
            assert (terminal.exitstatus, "unexpected" in written) == (5, False), written
