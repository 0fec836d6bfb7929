"""history, models, openapi, status: what the other commands show."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import logged_in
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.processes import Cli, ServerProcess


def test_history_lists_newest_first_and_shows_one(cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(f"{marker} first", "The first answer.")
    for word in ("first", "second"):
        assert cli("ask", f"{marker} {word}").code == 0
    listed = cli("history").out.splitlines()
    assert [line.split()[-1] for line in listed] == ["second", "first"]
    question_id = listed[1].split()[0]
    shown = cli("history", "show", question_id)
    assert shown.out == "The first answer.\n"
    assert f"{marker} first" in shown.err
    as_json = json.loads(cli("history", "show", question_id, "--json").out)
    assert as_json["answer"] == "The first answer."


def test_history_pages_through_more_than_one_page(sqlite_cli: Cli) -> None:
    for number in range(3):
        assert sqlite_cli("ask", f"question {number}").code == 0
    page = json.loads(sqlite_cli("history", "list", "-n", "2", "--json").out)
    assert [item["question"] for item in page["items"]] == ["question 2", "question 1"]
    assert page["next_cursor"] == page["items"][-1]["id"]


@pytest.mark.parametrize(
    ("question_id", "code", "said"),
    [
        ("01890000-0000-7000-8000-000000000000", 1, "no such question"),
        ("not-an-id", 2, "not an id"),
        ("../../healthz", 2, "not an id"),
    ],
)
def test_history_show_of_what_is_not_there(
    cli: Cli, question_id: str, code: int, said: str
) -> None:
    done = cli("history", "show", question_id)
    assert (done.code, done.out) == (code, "")
    assert said in done.err


def test_history_show_of_another_users_question(
    cli: Cli, new_cli: Any, server: ServerProcess
) -> None:
    assert cli("ask", "mine").code == 0
    question_id = cli("history").out.split()[0]
    other = logged_in(new_cli(server), server)
    done = other("history", "show", question_id)
    assert (done.code, done.out) == (1, "")
    assert "no such question" in done.err


def test_models_and_openapi_and_status(sqlite_cli: Cli, sqlite_server: ServerProcess) -> None:
    assert "* claude-sonnet-5-5" in sqlite_cli("models").out
    assert json.loads(sqlite_cli("models", "list", "--json").out)["default"] == "claude-sonnet-5-5"
    assert json.loads(sqlite_cli("openapi").out)["info"]["title"] == "askcli"
    status = json.loads(sqlite_cli("status", "--json").out)
    assert (status["server"], status["state"]) == (sqlite_server.url, "ready")
    assert "@example.org" in status["account"]


def test_status_of_a_server_that_is_away_fails(new_cli: Any) -> None:
    done = new_cli(ASKCLI_SERVER="http://127.0.0.1:9")("status")
    assert done.code == 6
    assert "unreachable" in done.out


def test_version_and_help(sqlite_cli: Cli) -> None:
    assert sqlite_cli("--version").out.startswith("askcli ")
    for words in ([], ["--help"], ["ask", "--help"], ["history", "--help"]):
        assert "Usage" in "".join(sqlite_cli(*words).out.split("\n")), words
