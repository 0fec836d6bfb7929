"""Notices: on a terminal wrapped at blanks, never inside a word, JSON not; no library's lines."""

from __future__ import annotations

import json
import logging

import pytest

from askcli.client.api import Api
from askcli.errors import Failed
from tests.support.cli import NewCli


def test_a_notice_is_wrapped_at_blanks_and_json_is_not(new_cli: NewCli) -> None:
    cli = new_cli()
    path = str(cli.home / "no-such-directory" / "rows.jsonl")
    rows = cli.terminal("batch", path, columns=40).read().splitlines()
    assert f"{path}:" in rows
    assert len(rows) > 2
    assert all(len(row) <= 40 or " " not in row for row in rows)
    error = cli.terminal("whoami", "--server", "x", "--json", columns=40).read()
    assert json.loads(error)["error"]["code"] == "usage"


@pytest.mark.parametrize("library", ["psycopg", "sqlalchemy.pool.impl.QueuePool"])
def test_a_library_adds_no_line_to_an_error(
    new_cli: NewCli, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    """As the driver of PostgreSQL does whose pipeline breaks off: `store copy` into a standby."""

    def fail(_: Api) -> None:
        logging.getLogger(library).warning("error ignored")
        raise Failed("it failed.")

    cli = new_cli(ASKCLI_SERVER="http://127.0.0.1:9", ASKCLI_TOKEN="any")
    with monkeypatch.context() as patch:
        patch.setattr(Api, "user", fail)
        patch.setattr(logging.root, "handlers", [])  # the tests' own
        done = cli.in_process("whoami")
    assert (done.code, done.err) == (1, "askcli: error: it failed.\n")
