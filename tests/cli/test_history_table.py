"""history list on a terminal: numbers, short ids and ages, at every width."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from askcli.services.clock import now
from tests.support import right_responses as right
from tests.support.cli import Cli, NewCli
from tests.support.hostile import HostileServer
from tests.support.people import asked
from tests.support.screen import lines

AGES = (0, 59, 23 * 60, 6 * 1440, 400 * 1440)
TEXT = "How do I undo the last commit of a branch that I have already pushed to the server? " * 2


def question(minutes: int) -> dict[str, Any]:
    time = now() - timedelta(minutes=minutes)
    digits = f"{int(time.timestamp() * 1000):012x}"
    id_ = f"{digits[:8]}-{digits[8:]}-7000-8000-000000000007"
    return right.QUESTION | {"id": id_, "question": TEXT, "created_at": time.isoformat()}


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_a_row_fits_at_every_width(new_cli: NewCli, columns: int) -> None:
    items = [question(minutes) for minutes in AGES]
    page = right.response({"items": items, "next_cursor": None})
    with HostileServer(lambda *_: page) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any")
        rows = [r for r in lines(cli.terminal("history", columns=columns).read(), columns) if r]
        found = lines(cli.terminal("history", "--since", "1y", columns=columns).read(), columns)
    assert [row.split()[0] for row in rows] == ["@", "@2", "@3", "@4", "@5"]
    starts = {row.index("How do I") for row in rows}
    assert len(starts) == 1
    assert all(len(row) <= columns and row.endswith("…") for row in rows)
    assert ("min ago" in rows[1]) == (columns >= 60)
    assert (items[1]["id"][:8] in rows[1]) == (columns >= 80)
    assert columns - starts.pop() >= 33
    # Which numbers those have, nobody knows: they have their ids.
    assert [row.split()[0] for row in found if row] == [item["id"][:13] for item in items]


def test_the_last_row_of_many_has_an_id_that_no_other_has(sqlite_cli: Cli) -> None:
    ids = asked(sqlite_cli, *(f"question {n}" for n in range(4)))
    rows = [row for row in lines(sqlite_cli.terminal("history", "-n", "3").read()) if row]
    assert [row.split()[0] for row in rows] == ["@", "@2", "@3"]
    for row, question_id in zip(rows, reversed(ids[1:]), strict=True):
        short = row.split()[1]
        assert [other for other in ids if other.startswith(short)] == [question_id]
        assert len(short) == 8 or short[:-1] == _shared(ids, question_id)[: len(short) - 1]
    page = json.loads(sqlite_cli.in_process("history", "-n", "3", "--json").out)
    assert [item["id"] for item in page["items"]] == list(reversed(ids[1:]))


def _shared(ids: list[str], question_id: str) -> str:
    """The longest beginning that it shares with another."""
    lengths = (
        next(n for n in range(36) if other[n] != question_id[n])
        for other in ids
        if other != question_id
    )
    return question_id[: max(lengths)]
