"""askcli ask at a terminal: its first sign, sizes, signals, this terminal's conversation."""

from __future__ import annotations

import re
import signal
from uuid import uuid4

import pexpect
import pyte
import pytest

from tests.support.cli import Cli, NewCli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import logged_in
from tests.support.processes import ServerProcess
from tests.support.proxy import Proxy
from tests.support.screen import fed, lines, reflowed, screen_lines

COLOURS = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|38|4[0-7]|48|9[0-7])[0-9;]*m")


def seen(terminal: pexpect.spawn, columns: int, rows: int = 24) -> list[str]:
    """What a terminal shows in the end, and has scrolled away."""
    return lines(terminal.read(), columns, rows)


def test_something_is_seen_before_anything_is_loaded(sqlite_cli: Cli) -> None:
    sqlite_cli.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    written = sqlite_cli.fresh_terminal("ask", "hello").read()
    begun = written.index("Asking")
    for module in ("typer", "http.client", "askcli.cli.app", "rich", "json"):
        assert written.index(f" {module}\r") > begun, module
    first = written[:begun]
    assert first.count("import time:") < 80
    del sqlite_cli.environment["PYTHONPROFILEIMPORTTIME"]  # it writes into the middle of lines
    written = sqlite_cli.fresh_terminal("ask", "hello").read()
    assert "Asking" in written
    assert "Asking" not in "\n".join(lines(written))  # and it is gone in the end


def test_ctrl_c_before_anything_is_loaded_leaves_nothing_behind(sqlite_cli: Cli) -> None:
    terminal = sqlite_cli.fresh_terminal("ask", "hello")
    terminal.expect("Asking")
    written = terminal.before + terminal.after
    terminal.sendintr()
    written += terminal.read()
    terminal.wait()
    assert terminal.exitstatus == 130
    assert "Asking" not in "".join(lines(written))


@pytest.mark.parametrize("flags", [["-q"], ["--help"]])
def test_no_sign_of_life_where_none_is_wanted(sqlite_cli: Cli, flags: list[str]) -> None:
    assert "Asking" not in sqlite_cli.terminal("ask", *flags, "hello").read()
    dumb = {"TERM": "dumb"}
    sqlite_cli.environment |= dumb
    assert "Asking" not in sqlite_cli.terminal("ask", "hello").read()


def test_the_sign_of_life_counts_and_goes_when_the_answer_comes(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "here it is", hold_after=0)
    terminal = sqlite_cli.terminal("ask", marker)
    terminal.expect(r"Asking… [3-9] s", timeout=30)
    held.release()
    written = terminal.before + terminal.after + terminal.read()
    assert [line for line in lines(written) if line] == ["here it is"]


def test_a_notice_in_mid_answer_stands_on_a_line_of_its_own(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    fake.on(marker, "An answer that ", "is cut", fault="reset", fault_after=1)
    terminal = sqlite_cli.terminal("ask", marker)
    rows = [line for line in seen(terminal, 80) if line]
    terminal.wait()
    assert terminal.exitstatus == 5
    assert rows[0] == "An answer that"
    assert rows[1].startswith("askcli: error: ")


def test_the_text_stays_while_the_connection_is_made_again(
    sqlite_server: ServerProcess, new_cli: NewCli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "begun and ", "ended.", hold_after=1)
    with Proxy(sqlite_server.url) as proxy:
        cli = logged_in(new_cli(ASKCLI_SERVER=proxy.url), sqlite_server)
        terminal = cli.terminal("ask", marker)
        terminal.expect("begun and")
        written = terminal.before + terminal.after
        proxy.cut_after(1)
        proxy.cut()
        for _ in range(3):
            terminal.expect("Trying again in [0-9.]+ s")
            written += terminal.before + terminal.after
            rows = [line for line in lines(written) if line]
            assert rows[0] == "begun and"
            assert len([line for line in rows if "Trying again" in line]) == 1
        proxy.cut_after(None)
        held.release()
        written += terminal.read()
    assert [line for line in lines(written) if line] == ["begun and ended."]


@pytest.mark.parametrize("begun", [0, 1])
def test_ended_by_a_signal(sqlite_cli: Cli, fake: FakeAnthropic, begun: int) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "begun", " never", hold_after=begun)
    terminal = sqlite_cli.terminal("ask", marker)
    terminal.expect("begun" if begun else "Asking… [2-9] s")
    written = terminal.before + terminal.after
    terminal.kill(signal.SIGTERM)
    written += terminal.read()
    terminal.wait()
    held.release()
    assert terminal.signalstatus == signal.SIGTERM
    screen = fed(written)
    assert [line for line in screen_lines(screen) if line] == ["begun"] * begun
    assert screen.cursor.x == 0  # where the shell's prompt is written


@pytest.mark.parametrize("columns", [40, 200])
def test_a_window_that_is_resized_in_mid_answer(
    sqlite_cli: Cli, fake: FakeAnthropic, columns: int
) -> None:
    marker = uuid4().hex
    words = " ".join(f"word{n}" for n in range(40))
    held = fake.on(marker, f"{words}\n\nA second ", f"paragraph. {words}", hold_after=1)
    terminal = sqlite_cli.terminal("ask", marker, columns=80)
    terminal.expect("A second")
    before = terminal.before + terminal.after
    terminal.setwinsize(24, columns)
    held.release()
    after = terminal.read()
    terminal.wait()
    assert terminal.exitstatus == 0
    screen = fed(before, 80)
    screen.resize(24, columns)
    pyte.Stream(screen).feed(after)
    rows = screen_lines(screen)
    assert all(len(line) <= columns for line in lines(after, columns))
    flat = " ".join(" ".join(rows).split())
    assert flat.count("A second paragraph.") == 1
    assert flat.endswith(words)
    widths = [len(line) for line in rows if line.startswith("A second")]
    assert (widths[0] > 80) == (columns == 200)


def test_a_terminal_that_wraps_its_lines_anew_shows_no_row_twice(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    words = " ".join(f"word{n}" for n in range(40))
    held = fake.on(marker, f"Finished.\n\nBegun: {words}", " and ended.", hold_after=1)
    terminal = sqlite_cli.terminal("ask", marker, columns=80)
    terminal.expect("word39")
    screen = reflowed(fed(terminal.before + terminal.after, 80), 35)
    terminal.setwinsize(24, 35)
    held.release()
    pyte.Stream(screen).feed(terminal.read())
    flat = " ".join(" ".join(screen_lines(screen)).split())
    assert flat == f"Finished. Begun: {words} and ended."


def test_suspended_and_continued_in_mid_answer(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "Finished.\n\nbegun and ", "ended.", hold_after=1)
    shell = sqlite_cli.terminal_shell("exec bash --norc -i")
    shell.expect(r"[$#] ")
    shell.sendline(f"PS1='prompt> '; askcli ask {marker}")
    shell.expect("begun and")
    shell.send("\x1a")
    shell.expect("Stopped")
    shell.expect("prompt> ")
    shell.sendline("echo in between")
    shell.expect("in between\r\n")
    shell.sendline("fg")
    shell.expect("begun and")  # shown again, where the terminal is now
    held.release()
    shell.expect("ended.")
    shell.expect("prompt> ")
    shell.sendline("echo code $?; exit")
    shell.expect("code 0")
    shell.close()


def test_suspended_the_rows_that_may_change_are_gone(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "Finished.\n\nbegun and ", "ended.", hold_after=1)
    shell = sqlite_cli.terminal_shell("exec bash --norc -i")
    shell.expect(r"[$#] ")
    shell.sendline(f"PS1='prompt> '; askcli ask {marker}")
    shell.expect("begun and")
    written = shell.before + shell.after
    shell.send("\x1a")
    shell.expect("Stopped")
    written += shell.before + shell.after
    shell.expect("prompt> ")
    written += shell.before + shell.after
    shell.sendline("fg")
    held.release()
    shell.expect("ended.")
    written += shell.before + shell.after
    shell.expect("prompt> ")
    written += shell.before + shell.after
    shell.sendline("exit")
    shell.close()
    rows = [line for line in lines(written) if line]
    # What was begun before is not left behind.
    assert [line for line in rows if "begun" in line] == ["begun and ended."]
    assert rows.count("Finished.") == 1


def test_ctrl_c_at_a_terminal_keeps_the_text_and_says_where(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "Some **begun** text", " never", hold_after=1)
    terminal = sqlite_cli.terminal("ask", marker)
    terminal.expect("text")
    written = terminal.before + terminal.after
    terminal.sendintr()
    written += terminal.read()
    terminal.wait()
    held.release()
    assert terminal.exitstatus == 130
    rows = [line for line in lines(written, 80) if line]
    assert rows[0].removesuffix("^C") == "Some begun text"
    assert "history show" in " ".join(rows)


def test_this_terminals_conversation_goes_on(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    one, two = uuid4().hex, uuid4().hex
    script = (
        f"askcli ask -c {one}; echo code $?; askcli ask -q {one};"
        f"echo more | askcli ask -c {two} | cat; askcli ask other;"
        f"id=$(askcli history search {one} | tail -1 | cut -c1-18);"
        f"askcli ask -c --conversation $id third-{two}"
    )
    written = sqlite_cli.terminal_shell(script, columns=200).read()
    assert "no question was asked in this terminal yet" in written
    assert "code 2" in written
    assert re.search(rf"continuing conversation [0-9a-f-]{{36}} \({one}\)", written)
    (request,) = fake.asked(f"{two}\n\nmore")
    assert request["messages"][0]["content"] == one
    (third,) = fake.asked(f"third-{two}")  # --conversation wins over -c
    assert third["messages"][0]["content"] == one
    # Another terminal is in no conversation yet, and where there is none at all -c means none.
    assert "no question was asked" in sqlite_cli.terminal_shell(f"askcli ask -c {one}").read()
    alone = sqlite_cli.fresh("ask", "-c", one, start_new_session=True)
    assert (alone.code, "--conversation ID" in alone.err) == (2, True)
    files = list((sqlite_cli.home / ".local/state/askcli/terminals").iterdir())
    assert files
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
