"""Gateways that answer in a server's place: their status counts, whatever their page is."""

from __future__ import annotations

import gzip
from codecs import BOM_UTF8
from collections.abc import Iterator

import pytest

from askcli.client.http.address import moved
from tests.support import right_responses as right
from tests.support.cli import Done, NewCli
from tests.support.hostile import HostileServer, Response

PAGE = b"<html>Bad gateway</html>"
HTML = {"content-type": "text/html"}
TEMPORARY = {
    "a page": Response(502, PAGE, HTML),
    "a compressed page": Response(503, gzip.compress(PAGE), HTML | {"content-encoding": "gzip"}),
    "no compressed page": Response(503, PAGE, HTML | {"content-encoding": "gzip, br"}),
    "a page of 2 MB": Response(502, b"x" * 2_000_000, HTML),
    "a page without an end": Response(502, PAGE, HTML, endless=b"x" * 100_000),
    "a page in no encoding": Response(504, PAGE, HTML | {"content-encoding": "Identity"}),
}
PART = right.response([right.EVENTS[0], {"event": "delta", "id": "3", "data": {"text": "So."}}])
REST = right.response([right.EVENTS[0], {"event": "done", "id": "", "data": right.QUESTION}])
WHOLE = right.response(right.EVENTS)
GONE = Response(404, b'{"code": "not_found", "request_id": "r1"}')


def asked(new_cli: NewCli, *responses: Response) -> Done:
    """Ask a question of a server that gives these responses in turn."""
    turn: Iterator[Response] = iter(responses)

    def respond(_: str, path: str) -> Response:
        return next(turn) if path.startswith("/api/questions") else Response(404)

    with HostileServer(respond) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any")
        return cli.in_process("ask", "--timeout", "20", "Why?")


@pytest.mark.parametrize("response", TEMPORARY.values(), ids=TEMPORARY)
def test_a_gateway_whose_server_is_away_is_asked_again(new_cli: NewCli, response: Response) -> None:
    done = asked(new_cli, response, WHOLE)
    assert (done.code, done.out) == (0, "So.\n"), done
    assert f"The server answered {response.status}." in done.err
    done = asked(new_cli, PART, response, REST)
    assert (done.code, done.out) == (0, "So.\n"), done


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (Response(401, PAGE, HTML), 4),
        (Response(403, gzip.compress(PAGE), HTML | {"content-encoding": "gzip"}), 4),
        (Response(404, PAGE, HTML), 5),
        (Response(429, PAGE, HTML), 7),
        (Response(500, PAGE, HTML), 5),
        (Response(520, PAGE, HTML), 5),
        (Response(200, PAGE, HTML), 5),
        (Response(200, gzip.compress(PAGE), HTML | {"content-encoding": "GZIP"}), 5),
    ],
)
def test_an_answer_that_a_gateway_breaks_off_can_be_followed(
    new_cli: NewCli, response: Response, code: int
) -> None:
    done = asked(new_cli, PART, response)
    assert (done.code, done.out) == (code, "So."), done
    assert f"askcli ask --rejoin {right.ID}\n" in done.err
    done = asked(new_cli, response)  # no question has been stored
    assert (done.code, "--rejoin" in done.err) == (code, False), done


def test_a_question_that_the_server_says_is_gone_is_not_followed(new_cli: NewCli) -> None:
    done = asked(new_cli, PART, GONE)
    assert (done.code, "--rejoin" in done.err) == (1, False), done


def test_an_empty_response_to_a_question_is_no_servers(new_cli: NewCli) -> None:
    """A network's own, say; that an answer has ended is what 204 says of a question."""
    done = asked(new_cli, Response(204))
    assert (done.code, done.err.count("\n"), "check --server" in done.err) == (5, 1, True), done


@pytest.mark.parametrize(
    ("charset", "mark"),
    [("iso-8859-1", b""), ("utf-16", BOM_UTF8), ("rot13", b""), ("zlib", b""), ("utf-8", BOM_UTF8)],
)
def test_an_answer_is_in_utf_8_whatever_its_head_says(
    new_cli: NewCli, charset: str, mark: bytes
) -> None:
    text = mark + WHOLE.body.replace(b"So.", "Sö.".encode())
    head = {"content-type": f"text/event-stream; charset={charset}"}
    done = asked(new_cli, Response(200, text, head))
    assert (done.code, done.out) == (0, "Sö.\n"), done


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://new.example/api/questions", "has moved to https://new.example: use that as"),
        ("https://new.example/base/api/questions", "to https://new.example/base: use that as"),
        ("/login?next=/api/questions", "server redirects to another address: check --server.\n"),
    ],
)
def test_a_redirect_names_what_may_be_given_as_the_server(
    new_cli: NewCli, location: str, told: str
) -> None:
    done = asked(new_cli, Response(308, headers={"location": location} if location else {}))
    assert (done.code, done.err.count("\n"), told in done.err) == (2, 1, True), done


@pytest.mark.parametrize("end", ["", "/", "?again"])
def test_a_redirect_to_the_server_itself_is_no_move(new_cli: NewCli, end: str) -> None:
    place = [""]
    with HostileServer(lambda *_: Response(307, headers={"location": place[0]})) as server:
        place[0] = f"{server.url}/api/users/me{end}"
        done = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any").in_process("whoami")
    assert (done.code, done.err.count("\n")) == (5, 1), done
    assert f"error: {server.url} redirects to itself" in done.err


NO_SERVERS = [
    *(
        "",
        "/login?next=/api/questions",
        "/api/questions",
        "https:///api/questions",
        "api/questions",
    ),
    *(
        "https://login.example",
        "https://login.example/?next=/api/questions",
        "https://new.example/",
    ),
    "https://user:secret@new.example/api/questions",
    *("https://new.example/#/api/questions", "https://new.example:99999/api/questions"),
    *("ftp://new.example/api/questions", "javascript:/api/questions"),
    f"https://new.example/{'x' * 200}/api/questions",
]


def test_a_redirect_names_nothing_that_is_no_server() -> None:
    """Nor a secret: only what `--server` takes is named, as it is shown elsewhere."""
    told = {moved("/api/questions", location).detail for location in NO_SERVERS}
    assert told == {"the server redirects to another address: check --server."}
    named = moved("/base/api/questions", "HTTPS://NEW.example/base/api/questions/?token=a#b")
    assert named.detail == "the server has moved to https://new.example/base: use that as --server."
