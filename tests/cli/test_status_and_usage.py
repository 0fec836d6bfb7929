"""askcli status and usage, and every view at every width."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support import right_responses as right
from tests.support.cli import Cli, NewCli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.hostile import always
from tests.support.people import logged_in
from tests.support.processes import ServerProcess
from tests.support.screen import lines

JSON = "application/json"
ROOT = Path(__file__).parents[2]


def test_status_tells_all_and_the_truth(cli: Cli, server: ServerProcess) -> None:
    status = json.loads(cli.in_process("status", "--json").out)
    assert status["state"] == "ready"
    assert status["server_version"] == status["version"]
    kind = "sqlite" if server.database_url.startswith("sqlite") else "postgresql"
    assert status["database"] == kind
    assert status["model"] == "claude-sonnet-5-5"
    assert status["token_life"] == "15 min, then renewed"
    assert status["latency_ms"] > 0
    assert status["problems"] == []
    for columns in (40, 80, 200):
        text = "\n".join(lines(cli.terminal("status", columns=columns).read(), columns))
        assert re.search(r"^database +" + kind, text, re.M)


def test_status_tells_each_problem_with_its_fix(
    new_cli: NewCli, sqlite_server: ServerProcess
) -> None:
    nobody = new_cli(sqlite_server).in_process("status", "--json")
    problem = json.loads(nobody.out)["problems"][0]
    assert (nobody.code, problem["code"]) == (4, "not_authenticated")
    assert "askcli login" in problem["detail"]
    ended = logged_in(new_cli(sqlite_server), sqlite_server)
    sessions = json.loads(ended.in_process("whoami", "--sessions", "--json").out)["items"]
    assert ended.in_process("logout", "--session", sessions[0]["id"]).code == 0
    text = ended.in_process("status")
    assert (text.code, "askcli login" in text.err) == (4, True)
    assert ended.in_process("logout").code in (0, 4)
    facts = ended.in_process("status").out
    assert re.search(r"^account +none$", facts, re.M)
    assert "token life" not in facts
    away = new_cli(ASKCLI_SERVER="http://127.0.0.1:9").in_process("status")
    assert (away.code, "cannot reach" in away.err) == (6, True)
    assert new_cli().in_process("status").code == 0  # a local server starts when it is asked


@pytest.mark.parametrize("title", ["another", "askcli"])
def test_status_takes_no_other_api_for_askcli(new_cli: NewCli, title: str) -> None:
    document = {"info": {"title": title, "version": 1}}
    with always(200, json.dumps(document).encode(), content_type=JSON) as server:
        done = new_cli(ASKCLI_SERVER=server.url).in_process("status")
    assert (done.code, "check --server" in done.err) == (5, True)


def test_usage_counts_by_day_and_model(cli: Cli, fake: FakeAnthropic) -> None:
    assert cli.in_process("usage").err == "Nothing was asked in that time.\n"
    for model in ("claude-haiku-5-5", "claude-haiku-5-5", "claude-sonnet-5-5"):
        assert cli.in_process("ask", "-m", model, "hello").code == 0
    items = json.loads(cli.in_process("usage", "--json").out)["items"]
    assert [(item["model"], item["questions"]) for item in items] == [
        ("claude-haiku-5-5", 2),
        ("claude-sonnet-5-5", 1),
    ]
    assert [item["input_tokens"] + item["output_tokens"] for item in items] == [36, 18]
    question = json.loads(cli.in_process("history", "--json").out)["items"]
    cost = sum(item["cost_usd"] for item in question)
    assert sum(item["cost_usd"] for item in items) == pytest.approx(cost)
    assert {item["day"] for item in items} == {question[0]["created_at"][:10]}
    assert json.loads(
        cli.in_process("usage", "--since", "2020-01-01", "--until", "1d", "--json").out
    ) == {"items": []}
    assert cli.in_process("usage").out.splitlines()[0].split("\t")[1:5] == [
        "claude-haiku-5-5",
        "2",
        "22",
        "14",
    ]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_usage_is_a_bar_chart(sqlite_cli: Cli, columns: int) -> None:
    for model in ("claude-haiku-5-5", "claude-haiku-5-5", "claude-sonnet-5-5"):
        assert sqlite_cli.in_process("ask", "-m", model, "hello").code == 0
    views = lines(sqlite_cli.terminal("usage", columns=columns).read(), columns)
    bars = {line.split()[0]: line.count("█") for line in views if "█" in line}
    assert all(len(line) <= columns for line in views)
    if columns > 40:
        assert bars["claude-haiku-5-5"] == pytest.approx(2 * bars["claude-sonnet-5-5"], abs=1)
        assert any("54 tokens" in line and "3 questions" in line for line in views)
    assert any("54 tokens" in line and "in all" in line for line in views)


@pytest.mark.parametrize("tokens", [(-1, -(2**20)), (-(2**53), 2**53)])
def test_no_count_of_a_server_makes_a_bar_longer_than_the_screen(
    new_cli: NewCli, tokens: tuple[int, int]
) -> None:
    items = [
        right.USAGE | {"day": f"2026-01-0{day}", "input_tokens": count, "output_tokens": 0}
        for day, count in enumerate(tokens, 1)
    ]
    with always(200, json.dumps({"items": items}).encode(), content_type=JSON) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any")
        terminal = cli.terminal("usage", columns=80)
        written = terminal.read()
        terminal.wait()
    assert terminal.exitstatus == 0, written[:1000]
    assert len(written) < 10_000
    assert all(line.count("█") <= 80 for line in written.splitlines())


def test_usage_rounds_long_figures_and_not_their_sum(new_cli: NewCli) -> None:
    items = [
        right.USAGE | {"day": f"2026-01-0{day}", "input_tokens": count, "output_tokens": 0}
        for day, count in enumerate((12_345, 1_234_567), 1)
    ]
    with always(200, json.dumps({"items": items}).encode(), content_type=JSON) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any")
        views = "\n".join(lines(cli.terminal("usage").read()))
    for part in (" 12,345 tokens ", "  1.2 M tokens ", "1,246,912 tokens"):
        assert part in views, views


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_every_view_at_every_width_with_and_without_colour(sqlite_cli: Cli, columns: int) -> None:
    question = "why is the sky blue and the evening red, 漢字 " * 3
    question_id = json.loads(sqlite_cli.in_process("ask", "--json", question).out)["id"]
    views = (
        ("ask", "--help"),
        ("history",),
        ("history", "search", "sky"),
        ("history", "show", question_id),
        ("usage",),
        ("status",),
    )
    for view in views:
        plain = dict(sqlite_cli.environment)
        texts = {}
        for name, more in (("colour", {}), ("none", {"NO_COLOR": "1"}), ("dumb", {"TERM": "dumb"})):
            sqlite_cli.environment = plain | more
            terminal = sqlite_cli.terminal(*view, columns=columns, rows=200)
            written = terminal.read()
            terminal.wait()
            assert terminal.exitstatus == 0, (view, name)
            if name != "colour":
                assert not re.search(r"\x1b\[[0-9;]*(?:3[0-8]|4[0-8]|9[0-7])[0-9;]*m", written), (
                    view
                )
            if name == "dumb":
                assert "\x1b" not in written, view
            # The moment and how long it took are other ones each time.
            moving = r"latency ms.*|token life.*|just now|\d+ min ago"
            text = re.sub(moving, "", "\n".join(lines(written, columns, 200)))
            texts[name] = re.sub(r"[─╭╮╰╯│\s-]", "", text)
        sqlite_cli.environment = plain
        assert texts["colour"] == texts["none"], view


def test_the_columns_of_usage_are_those_of_this_version(new_cli: NewCli) -> None:
    item = {"later": "x", **dict(reversed(right.USAGE.items())), "model": "a\n2026-01-01\tb"}
    with always(200, json.dumps({"items": [item]}).encode(), content_type=JSON) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any")
        (line,) = cli.in_process("usage").out.splitlines()
    day, model, *counts = line.split("\t")
    assert (day, model, len(counts)) == (right.USAGE["day"], "a 2026-01-01 b", 4)
