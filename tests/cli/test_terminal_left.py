"""The terminal as a command leaves it to the shell: its cursor, its echo, and a pause (Ctrl-S)."""

from __future__ import annotations

import os
import signal
from uuid import uuid4

import pexpect
import psutil
import pytest

from tests.support.cli import Cli, NewCli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.processes import ServerProcess
from tests.support.screen import fed
from tests.support.soak import SOAK
from tests.support.waiting import eventually

PAUSE, RESUME = "\x13", "\x11"  # Ctrl-S, Ctrl-Q
ENDINGS = [signal.SIGTERM, signal.SIGHUP]
# All go the same way as those.
OTHERS = [signal.SIGQUIT, signal.SIGALRM, signal.SIGUSR1] if SOAK else [signal.SIGQUIT]
# Says which process the command is, and what of the terminal the shell finds after it.
STARTED = "bash -c 'echo pid $$; exec askcli {words}'; echo shell again; stty -a; read -r typed"


def started(cli: Cli, words: str) -> tuple[pexpect.spawn, int]:
    """A command under a shell in a pseudo-terminal, and its process id."""
    terminal = cli.terminal_shell(STARTED.format(words=words))
    terminal.expect(r"pid (\d+)\r\n")
    return terminal, int(terminal.match.group(1))


def paused(terminal: pexpect.spawn) -> None:
    """Pause the output of the terminal, and wait until nothing comes any more."""
    terminal.send(PAUSE)
    while terminal.expect([r".", pexpect.TIMEOUT], timeout=0.5) == 0:
        pass


def rows(cli: Cli, fake: FakeAnthropic, fast: int) -> str:
    """Write a file of rows, of which the last is not answered; return its path."""
    marker = uuid4().hex
    fake.on(f"{marker} held", "never", hold_after=0)
    path = cli.home / "rows.jsonl"
    path.write_text("".join(f'"{marker} {n}"\n' for n in [*range(fast), "held"]))
    return str(path)


@pytest.mark.parametrize("number", ENDINGS)
def test_a_batch_that_a_signal_ends_leaves_the_cursor(
    sqlite_cli: Cli, fake: FakeAnthropic, number: int
) -> None:
    terminal, process = started(sqlite_cli, f"batch {rows(sqlite_cli, fake, 3)} > answers.jsonl")
    terminal.expect("rows/s")
    written = terminal.before + terminal.after
    os.kill(process, number)
    terminal.expect("shell again\r\n")
    screen = fed(written + terminal.before)
    assert not screen.cursor.hidden
    assert any("rows/s" in line for line in screen.display)
    assert (screen.cursor.x, screen.display[screen.cursor.y].strip()) == (0, "")
    terminal.close()


def test_a_command_in_the_background_draws_nothing_over_the_shells_line(sqlite_cli: Cli) -> None:
    (sqlite_cli.home / "rows.jsonl").write_text('"one"')
    # With `tostop` what writes to the terminal from the background is suspended: code 150.
    script = "set -m; stty tostop; {} & wait $!; echo code $?; stty -tostop"
    for words in ("ask Why? > answer", "batch rows.jsonl > answers"):
        written = sqlite_cli.terminal_shell(script.format(f"askcli {words}")).read()
        assert "code 0" in written
        assert "Asking" not in written
        assert "rows/s" not in written


def test_a_batch_whose_reader_goes_leaves_the_cursor(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    path = rows(sqlite_cli, fake, 40)
    script = f"askcli batch {path} | head -1 > first; echo codes ${{PIPESTATUS[@]}}"
    terminal = sqlite_cli.terminal_shell(script)
    terminal.expect(r"codes (\d+) 0")
    assert terminal.match.group(1) == "141"
    screen = fed(terminal.before)
    assert not screen.cursor.hidden
    assert (screen.cursor.x, screen.display[screen.cursor.y].strip()) == (0, "")
    terminal.read()
    assert len((sqlite_cli.home / "first").read_text().splitlines()) == 1


@pytest.mark.parametrize("number", [*ENDINGS, *OTHERS])
def test_a_password_prompt_that_a_signal_ends_leaves_the_echo(
    sqlite_server: ServerProcess, new_cli: NewCli, number: int
) -> None:
    terminal, process = started(new_cli(sqlite_server), "login --email ada@example.org")
    terminal.expect("Password: ")
    assert terminal.waitnoecho(30)
    # Python sees a signal that comes just before the read of a line once that has ended.
    eventually(lambda: psutil.Process(process).status() == psutil.STATUS_SLEEPING)
    os.kill(process, number)
    terminal.expect("shell again\r\n")
    written = terminal.before
    terminal.expect(r"(-?)echo ")
    assert terminal.match.group(1) == ""
    assert "\r\n" in written  # the shell's prompt is on a line of its own
    terminal.close()


@pytest.mark.parametrize(
    ("number", "is_begun"),
    [(signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGTERM, True)],
)
def test_a_signal_ends_a_command_at_a_paused_terminal(
    sqlite_cli: Cli, fake: FakeAnthropic, number: int, is_begun: bool
) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "begun", " and on", hold_after=int(is_begun))
    terminal = sqlite_cli.terminal("ask", marker)
    terminal.expect("begun" if is_begun else "Asking… [2-9] s")
    paused(terminal)
    terminal.kill(number)
    terminal.expect(pexpect.EOF)
    terminal.wait()
    held.release()
    ended = (terminal.exitstatus, terminal.signalstatus)
    assert ended == ((None, number) if number == signal.SIGTERM else (130, None))


@pytest.mark.parametrize(("is_held", "code"), [(True, 6), (False, 0)])
def test_a_paused_terminal_keeps_no_command_from_its_end(
    sqlite_cli: Cli, fake: FakeAnthropic, is_held: bool, code: int
) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "an answer", hold_after=0)
    words = f"ask --timeout {4 if is_held else 60} {marker}"
    terminal = sqlite_cli.terminal_shell(f"askcli {words} > answer; echo $? > code")
    terminal.expect("Asking… [2-9] s")
    paused(terminal)
    if not is_held:
        held.release()
    terminal.expect(pexpect.EOF)
    held.release()
    assert int((sqlite_cli.home / "code").read_text()) == code
    assert (sqlite_cli.home / "answer").read_text() == ("" if is_held else "an answer\n")


def test_what_is_written_after_a_pause_takes_the_place_of_the_spinner(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "an answer", hold_after=0)
    terminal = sqlite_cli.terminal_shell(f"askcli ask {marker} | cat")
    terminal.expect("Asking… [2-9] s")
    written = terminal.before + terminal.after
    terminal.send(PAUSE)
    with pytest.raises(pexpect.TIMEOUT):
        while True:
            written += terminal.read_nonblocking(4096, timeout=0.5)
    held.release()
    with pytest.raises(pexpect.TIMEOUT):
        written += terminal.read_nonblocking(4096, timeout=1)
    terminal.send(RESUME)
    screen = fed(written + terminal.read())
    assert [line.rstrip() for line in screen.display if line.strip()] == ["an answer"]
