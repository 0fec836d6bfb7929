"""An answer that goes on while its asker no longer follows it."""

from __future__ import annotations

import base64
import subprocess
from uuid import uuid4

from tests.support.chatting import chat, left
from tests.support.cli import Cli, NewCli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import ServerBehindProxy, logged_in
from tests.support.processes import ServerProcess
from tests.support.proxy import Proxy

ANSWER = ("The beginning. ", "\n\n```\nthe end\n```\n")


def test_a_chat_shows_an_answer_that_its_time_out_left_running(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    """Once it has ended, and /code is its code."""
    marker = uuid4().hex
    held = fake.on(marker, *ANSWER, hold_after=1)
    live = chat(sqlite_cli, "--timeout", "1")
    live.enter(marker)
    live.until("the server continues it")
    held.release()
    live.until("the end")
    live.enter("/code")
    live.until("the end", 2)
    lines = left(live)
    assert sum(marker in line for line in lines) == 2
    assert len(fake.asked(marker)) == 1


def test_an_answer_whose_session_has_ended_can_be_followed(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    held = fake.on(marker, *ANSWER, hold_after=1)
    asking = sqlite_cli.start("ask", marker, stderr=subprocess.PIPE)
    assert asking.stdout
    assert asking.stdout.read(3) == b"The"
    assert sqlite_cli.in_process("logout").code == 0
    _, err = asking.communicate()
    held.release()
    assert asking.returncode == 4
    assert b"follow it with: askcli ask --rejoin" in err


def test_what_a_chat_has_of_an_answer_that_was_stopped(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "Do:\n\n```\nthis\n```\n\nand", " more", hold_after=1)
    live = chat(sqlite_cli)
    live.enter(marker)
    live.until("and")
    live.type("\x03")
    live.until("stopped; the text so far is kept")
    held.release()
    live.until_prompt()
    live.enter("/code")
    live.until("this", 2)
    live.enter("/copy")
    live.until("Copied by the terminal")
    copied = base64.b64encode(b"Do:\n\n```\nthis\n```\n\nand").decode()
    assert f"\x1b]52;c;{copied}\x07" in live.written
    left(live)


def test_a_chat_shows_an_answer_whose_stop_was_not_confirmed(
    sqlite_server: ServerProcess, new_cli: NewCli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    held = fake.on(marker, *ANSWER, hold_after=1)
    with Proxy(sqlite_server.url) as proxy:
        behind = ServerBehindProxy(proxy.url, sqlite_server.database_url)
        live = chat(logged_in(new_cli(ASKCLI_SERVER=proxy.url), behind))
        live.enter(marker)
        live.until("The beginning.")
        proxy.hold(b"/cancel")
        live.type("\x03")
        live.until("the stop is not confirmed")
        held.release()
        live.until("the end")
        left(live)
