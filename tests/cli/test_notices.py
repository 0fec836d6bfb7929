"""Notices on a terminal: wrapped at blanks, never inside a word; JSON is not wrapped."""

from __future__ import annotations

import json

from tests.support.cli import NewCli


def test_a_notice_is_wrapped_at_blanks_and_json_is_not(new_cli: NewCli) -> None:
    cli = new_cli()
    path = str(cli.home / "no-such-directory" / "rows.jsonl")
    rows = cli.terminal("batch", path, columns=40).read().splitlines()
    assert f"{path.removesuffix('.jsonl')}.failed.jsonl:" in rows
    assert len(rows) > 2
    assert all(len(row) <= 40 or " " not in row for row in rows)
    error = cli.terminal("whoami", "--server", "x", "--json", columns=40).read()
    assert json.loads(error)["error"]["code"] == "usage"
