"""What answers in a server's place says nothing of what the server has done."""

from __future__ import annotations

import pytest

from tests.support.cli import NewCli
from tests.support.hostile import HostileServer, Response
from tests.support.right_responses import ID, RIGHT, response
from tests.support.secrets import PASSWORD

# Commands whose endpoints have nothing to say but that it is done: 204.
EMPTY = {
    ("token", "revoke", "nightly"): f"DELETE /api/tokens/{ID}",
    ("history", "delete", ID, "--yes"): f"DELETE /api/questions/{ID}",
    ("passwd", "--password-stdin"): "POST /api/users/me/password",
    ("logout",): "POST /api/auth/logout",
    ("logout", "--all"): "DELETE /api/sessions",
    ("logout", "--session", ID): f"DELETE /api/sessions/{ID}",
}


@pytest.mark.parametrize("words", EMPTY, ids=" ".join)
@pytest.mark.parametrize("body", [b"<html>The request was rejected.</html>", b"null", b""])
def test_a_page_with_status_200_is_no_confirmation(
    new_cli: NewCli, words: tuple[str, ...], body: bytes
) -> None:
    """As a gateway sends it for what it does not let pass."""
    responses = {name: response(content) for name, content in RIGHT.items()}
    responses[EMPTY[words]] = Response(200, body, {"content-type": "text/html"})
    stdin = f"{PASSWORD}\nanother good one\n"
    with HostileServer(lambda method, path: responses[f"{method} {path}"]) as server:
        cli = new_cli(ASKCLI_SERVER=server.url)
        login = ("login", "--email", "a@b.example", "--password-stdin")
        assert cli.in_process(*login, stdin=PASSWORD).code == 0
        done = cli.in_process(*words, stdin=stdin)
        responses[EMPTY[words]] = Response(204)
        right = cli.in_process(*words, stdin=stdin)
    assert (done.code, done.out, done.err.count("\n")) == (5, "", 1), done
    assert "not one of an askcli server" in done.err
    assert right.code == 0, right
