"""@, @2 and so on: the last questions, where an id is taken, and where none is given."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import right_responses as right
from tests.support.cli import Cli, NewCli
from tests.support.hostile import HostileServer
from tests.support.people import asked


def shown(cli: Cli, *words: str) -> dict[str, Any]:
    done = cli.in_process(*words, "--json")
    assert done.code == 0, (words, done)
    question: dict[str, Any] = json.loads(done.out)
    return question


def test_the_last_ones_are_shown_and_continued_by_their_number(sqlite_cli: Cli) -> None:
    one, two, three = asked(sqlite_cli, "one", "two", "three")
    for words, question_id in (
        ((), three),
        (("@",), three),
        (("@1",), three),
        (("@2",), two),
        (("@3",), one),
    ):
        assert shown(sqlite_cli, "history", "show", *words)["id"] == question_id, words
    conversation = shown(sqlite_cli, "history", "show", "@2")["conversation_id"]
    later = shown(sqlite_cli, "ask", "--conversation", "@2", "four")
    assert later["conversation_id"] == conversation
    # It is the last now: its conversation is that of @, too.
    exported = sqlite_cli.in_process("history", "export", "--conversation", "@").out
    assert [json.loads(line)["question"] for line in exported.splitlines()] == ["four", "two"]
    found = sqlite_cli.in_process("history", "search", "one", "--conversation", "@4").out
    assert found.startswith(one)


def test_retry_and_rejoin_alone_mean_the_last_one(sqlite_cli: Cli) -> None:
    one, two = asked(sqlite_cli, "one", "two")
    assert shown(sqlite_cli, "ask", "--rejoin")["id"] == two
    assert sqlite_cli.in_process("ask", "--rejoin", "-q").code == 0
    assert shown(sqlite_cli, "ask", "--rejoin", "@2")["id"] == one
    again = shown(sqlite_cli, "ask", "--retry", "-q")
    assert (again["question"], again["id"] == two) == ("two", False)
    assert shown(sqlite_cli, "ask", "--retry=@3")["question"] == "one"
    assert shown(sqlite_cli, "ask", "-q", "--retry", one)["question"] == "one"
    # A value of another option is no option.
    said = shown(sqlite_cli, "ask", "--system", "--retry", "three")
    assert (said["question"], said["system"]) == ("three", "--retry")


@pytest.mark.parametrize(
    "words",
    [
        ("--retry", ""),  # an empty variable of a script
        ("--retry=",),
        ("--rejoin", ""),
        ("--retry=-q",),
        ("--retry", "-"),
        ("--retry", "--", "a question"),
        ("--retry", "--rejoin"),
        ("--retry", "@0"),
        ("--retry", "@10000"),
        ("--retry", "@-1"),
        ("--retry", "@٣"),
        ("--conversation", "@x", "a question"),
        ("--conversation", "", "a question"),
    ],
)
def test_what_is_no_id_is_asked_or_retried_by_nobody(
    sqlite_cli: Cli, words: tuple[str, ...]
) -> None:
    done = sqlite_cli.in_process("ask", *words, stdin="on stdin")
    assert (done.code, done.out) == (2, ""), done
    assert sqlite_cli.in_process("history").out == ""


def test_an_empty_id_is_not_all_conversations(sqlite_cli: Cli) -> None:
    asked(sqlite_cli, "one")
    done = sqlite_cli.in_process("history", "export", "--conversation", "")
    assert (done.code, done.out) == (2, ""), done


def test_deleted_by_number_they_are_those_of_one_moment(sqlite_cli: Cli) -> None:
    assert "you have none" in sqlite_cli.in_process("history", "show").err
    one, two, _, four = asked(sqlite_cli, "one", "two", "three", "four")
    many = sqlite_cli.in_process("history", "delete", "@", "@5", "--yes")
    assert (many.code, "no question @5: you have 4" in many.err) == (1, True)
    done = sqlite_cli.in_process("history", "delete", "@", "@2", four, one, "--yes", "--json")
    assert json.loads(done.out) == {"deleted": 3}
    assert sqlite_cli.in_process("history").out.split("\t")[0] == two


def test_a_number_takes_one_request_and_pages_that_never_end_end(new_cli: NewCli) -> None:
    paths = []
    page: dict[str, Any] = {"items": [right.QUESTION] * 2, "next_cursor": right.ID}

    def answered(_: str, path: str) -> Any:
        paths.append(path)
        return right.response(page)

    with HostileServer(answered) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any")
        assert shown(cli, "history", "show", "@2")["id"] == right.ID
        assert paths == ["/api/users/me/questions"]
        page["items"] = []
        assert cli.in_process("history", "show").code == 5
