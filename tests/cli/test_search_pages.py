"""Commands follow the pages of a search, of which some may be empty."""

from __future__ import annotations

import json

from tests.support.cli import NewCli
from tests.support.hostile import HostileServer, Response
from tests.support.right_responses import QUESTION, RIGHT, response


def test_a_page_without_questions_is_not_the_end(new_cli: NewCli) -> None:
    pages = [
        response({"items": [], "next_cursor": f".{QUESTION['id']}"}),
        response({"items": [QUESTION], "next_cursor": None}),
    ]

    def respond(method: str, path: str) -> Response:
        if path == "/api/users/me/questions":
            return pages.pop(0)
        return response(RIGHT[f"{method} {path}"])

    with HostileServer(respond) as server:
        cli = new_cli(ASKCLI_SERVER=server.url)
        words = ("login", "--email", "a@b.example", "--password-stdin")
        assert cli.in_process(*words, stdin="correct horse battery\n").code == 0
        found = cli.in_process("history", "search", "why", "--json")
    assert [item["id"] for item in json.loads(found.out)["items"]] == [QUESTION["id"]]
    assert not pages
