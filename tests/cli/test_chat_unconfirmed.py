"""A question of a chat that the server does not confirm: refused, or its reply is lost."""

from __future__ import annotations

from uuid import uuid4

from tests.support.chatting import chat, left, turns
from tests.support.cli import Cli, NewCli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import ServerBehindProxy, account, logged_in
from tests.support.processes import ServerProcess
from tests.support.proxy import Proxy
from tests.support.waiting import eventually


def test_what_was_refused_is_the_last_question(
    sqlite_cli: Cli, sqlite_server: ServerProcess, fake: FakeAnthropic
) -> None:
    """With its files, which go no further; what was answered before is not asked again."""
    answered, refused, third = uuid4().hex, uuid4().hex, uuid4().hex
    (sqlite_cli.home / "notes.txt").write_text("Some notes.")
    live = chat(sqlite_cli)
    live.enter(answered)
    live.until_prompt()
    email = account(sqlite_cli, sqlite_server)["user"]["email"]
    assert sqlite_cli.in_process("logout").code == 0
    for command in ("/file notes.txt", refused):
        live.enter(command)
        live.until_prompt()
    live.until("askcli: error: not logged in")
    logged_in(sqlite_cli, sqlite_server, email)
    for command in ("/retry", third):
        live.enter(command)
        live.until_prompt()
    left(live)
    assert len(fake.asked(answered)) == 1
    whole = f'{refused}\n\n<file name="notes.txt">\nSome notes.\n</file>'
    assert [request[-1] for request in turns(fake, refused)] == [whole]
    assert turns(fake, third)[0][-1] == third


def test_a_question_whose_reply_was_lost_is_asked_once(
    sqlite_server: ServerProcess, new_cli: NewCli, fake: FakeAnthropic
) -> None:
    """It is typed again."""
    marker = uuid4().hex
    with Proxy(sqlite_server.url) as proxy:
        behind = ServerBehindProxy(proxy.url, sqlite_server.database_url)
        live = chat(logged_in(new_cli(ASKCLI_SERVER=proxy.url), behind))
        proxy.reply_pause = 60
        live.enter(marker)
        eventually(lambda: fake.asked(marker))
        live.type("\x03")
        live.until("the question was not confirmed, and may be")
        live.until_prompt()
        proxy.reply_pause = 0
        live.enter(marker)
        live.until(f"You asked: {marker}")
        left(live)
    assert len(fake.asked(marker)) == 1


def test_a_text_of_the_editor_of_which_there_is_no_question_is_kept(sqlite_cli: Cli) -> None:
    editor = sqlite_cli.home / "editor"
    editor.write_text('#!/bin/sh\necho "a long text" > "$1"\n')
    editor.chmod(0o755)
    sqlite_cli.environment["EDITOR"] = f"{editor}"
    live = chat(sqlite_cli, "--model", "no-such-model", columns=500)
    live.enter("/edit")
    live.until("askcli: error:")
    left(live)
    (kept,) = sqlite_cli.home.rglob("unsent-*.md")
    assert kept.read_text() == "a long text"
    assert kept.name in "".join(live.lines)


def test_the_question_of_a_conversation_that_was_deleted_is_asked_in_another(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    first, second = uuid4().hex, uuid4().hex
    live = chat(sqlite_cli)
    live.enter(first)
    live.until_prompt()
    sqlite_cli.in_process("history", "delete", "@", "--yes")
    live.enter(second)
    live.until("the conversation was deleted: /new")
    live.until_prompt()
    live.enter("/new")
    live.until("begins a new conversation")
    live.until_prompt()
    live.enter("/retry")
    live.until(f"You asked: {second}")
    left(live)
    assert turns(fake, second) == [[second]]
