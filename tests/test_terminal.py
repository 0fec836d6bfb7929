"""askcli ask at a terminal, and at its edges: looks, sizes, signals, stdin, this conversation."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from typing import Any
from uuid import uuid4

import pexpect
import pytest

from tests.support.fake_anthropic import FakeAnthropic
from tests.support.processes import Cli
from tests.support.screen import fed, lines, screen_lines

COLOURS = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|38|4[0-7]|48|9[0-7])[0-9;]*m")

ANSWER = """\
# A heading

Some **bold** words, *slanted* ones, `code`, and a [link](https://a.example/path).

1. one
2. two
   - inner

| colour | wave | remark |
| --- | --- | --- |
| blue | 450 | aWordThatIsLongerThanAnyNarrowColumnCanBeWide |

```python
def sky(wavelength):
    return "a line of code that is certainly longer than forty columns are"
```

> quoted

The end, 漢字 and 👍.
"""


def seen(terminal: pexpect.spawn, columns: int, rows: int = 24) -> list[str]:
    """What a terminal shows in the end, and has scrolled away."""
    return lines(terminal.read(), columns, rows)


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_an_answer_at_every_width_with_and_without_colour(
    sqlite_cli: Cli, fake: FakeAnthropic, columns: int, environment: dict[str, str]
) -> None:
    marker = uuid4().hex
    fake.on(marker, *(ANSWER[i : i + 11] for i in range(0, len(ANSWER), 11)))
    sqlite_cli.environment |= environment
    written = sqlite_cli.terminal("ask", marker, columns=columns).read()
    shown = [line for line in lines(written, columns, 24) if line]
    together = "".join(line.strip() for line in shown)
    for word in re.findall(r"\w+", re.sub(r"```python|# ", "", ANSWER)):
        assert word in together, word
    assert not re.search(r"\*\*|`|^#|\| ---", together)
    assert all(len(line) <= columns for line in shown)
    assert 'return "a line of code that is certainly longer than forty' in together
    assert bool(COLOURS.search(written)) == (not environment)
    assert ("\x1b" in written) == ("TERM" not in environment)


def test_what_is_printed_is_never_touched_again(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    code = "```\n" + "".join(f"line {n}\n" for n in range(60)) + "```\n\n"
    text = f"First words.\n\n{code}Last words."
    fake.on(marker, *(text[i : i + 5] for i in range(0, len(text), 5)))
    written = sqlite_cli.terminal("ask", marker, rows=12).read()
    before: list[str] = []
    for update in re.findall(r"\x1b\[\?2026h.*?\x1b\[\?2026l", written, re.DOTALL):
        end = written.index(update) + len(update)
        now = screen_lines(fed(written[:end], 80, 12))
        while now and not now[-1]:
            now.pop()
        # Only the last line, which is under way, may be another one now.
        assert now[: max(0, len(before) - 1)] == before[:-1]
        before = now
    told = [line for line in before if line.startswith("line ")]
    assert told == [f"line {n}" for n in range(60)]
    # A long block is not kept until it is whole: its lines come when they are.
    assert len(written) < 20 * len(text)


def test_something_is_seen_before_anything_is_loaded(sqlite_cli: Cli) -> None:
    sqlite_cli.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    written = sqlite_cli.terminal("ask", "hello").read()
    begun = written.index("Asking")
    for module in ("typer", "httpx2", "askcli.cli.app", "rich", "json"):
        assert written.index(f" {module}\r") > begun, module
    first = written[:begun]
    assert first.count("import time:") < 80
    assert "Asking" not in "\n".join(lines(written, 200, 500)[-20:])  # and it is gone in the end


def test_ctrl_c_before_anything_is_loaded_leaves_nothing_behind(sqlite_cli: Cli) -> None:
    terminal = sqlite_cli.terminal("ask", "hello")
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
    shown = [line for line in seen(terminal, 80) if line]
    terminal.wait()
    assert terminal.exitstatus == 5
    assert shown[0] == "An answer that"
    assert shown[1].startswith("askcli: error: ")


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
    import pyte

    pyte.Stream(screen).feed(after)
    shown = screen_lines(screen)
    assert all(len(line) <= columns for line in lines(after, columns))
    flat = " ".join(" ".join(shown).split())
    assert flat.count("A second paragraph.") == 1
    assert flat.endswith(words)
    widths = [len(line) for line in shown if line.startswith("A second")]
    assert (widths[0] > 80) == (columns == 200)


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
    shell.expect("prompt> ")
    written += shell.before + shell.after
    shell.sendline("exit")
    shell.close()
    shown = [line for line in lines(written) if line]
    # What was begun before is not left behind.
    assert [line for line in shown if "begun" in line] == ["begun and ended."]
    assert shown.count("Finished.") == 1


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
    shown = [line for line in lines(written, 80) if line]
    assert shown[0].removesuffix("^C") == "Some begun text"
    assert "history show" in " ".join(shown)


def test_an_endless_stdin_is_refused_at_once(sqlite_cli: Cli) -> None:
    done = sqlite_cli.shell("set +o pipefail; yes | askcli ask summarize; exit ${PIPESTATUS[1]}")
    assert done.code == 2
    assert "too long" in done.err
    assert json.loads(sqlite_cli("history", "--json").out)["items"] == []


def test_two_gigabytes_of_stdin_are_not_read(sqlite_cli: Cli) -> None:
    big = sqlite_cli.home / "big"
    with big.open("wb") as file:
        file.truncate(2 * 1024**3)  # a file with a hole takes no room
    measure = (
        "import resource,subprocess,sys;"
        'code=subprocess.run(["askcli","ask","x"],stdin=open("big","rb")).returncode;'
        "print(code,resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = sqlite_cli.shell(f"python3 -c '{measure}'; echo $(( $(wc -c < big) ))")
    code, kilobytes = map(int, done.out.splitlines()[0].split())
    assert code == 2
    assert kilobytes < 100_000


def test_a_silent_stdin_is_waited_for_with_a_hint(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    pipes: Any = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = sqlite_cli.start("ask", marker, **pipes)
    assert process.stderr
    hint = process.stderr.readline().decode()
    assert "waiting for stdin" in hint
    assert "--no-stdin" in hint
    out, _ = process.communicate(b"late words")
    assert (process.returncode, out.decode()) == (0, f"You asked: {marker}\n\nlate words\n")
    silent = sqlite_cli.start("ask", "--no-stdin", marker, **pipes)
    assert silent.stdout
    assert silent.stdout.read().decode() == f"You asked: {marker}\n"
    assert silent.wait(30) == 0
    silent.communicate()
    assert sqlite_cli("ask", "--no-stdin", "-").code == 2


def test_quiet_says_nothing_but_errors(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    pipes: Any = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = sqlite_cli.start("ask", "-q", "hello", **pipes)
    assert process.stdin
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2.5)  # longer than it takes to hint
    _, err = process.communicate(b"")
    assert err == b""
    failing = uuid4().hex
    fake.on(failing, status=400, error_type="invalid_request_error")
    assert sqlite_cli("ask", "-q", failing).err.startswith("askcli: error: ")


def test_files_go_along_under_their_names(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    (sqlite_cli.home / "inner").mkdir()
    (sqlite_cli.home / "inner/one.py").write_text("print(1)\n")
    (sqlite_cli.home / 'b "2".txt').write_bytes(b"\xef\xbb\xbfz\xc3\xbcrich")
    words = ("ask", marker, "-f", "inner/one.py", "--file", 'b "2".txt', "--json")
    done = sqlite_cli(*words, stdin="and stdin\n")
    assert json.loads(done.out)["question"] == (
        f'{marker}\n\n<file name="one.py">\nprint(1)\n</file>\n\n'
        "<file name=\"b '2'.txt\">\nzürich\n</file>\n\nand stdin"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x7fELF\x02\0\0", "not text but binary"),
        ("wide".encode("utf-16"), "not text but binary"),
        (b"caf\xe9", "not UTF-8 text (byte 3)"),
        (b"x" * 1_700_000, "too long"),
        (None, "No such file"),
        ("directory", "Is a directory"),
    ],
)
def test_a_file_that_is_none_to_send(
    sqlite_cli: Cli, fake: FakeAnthropic, content: Any, said: str
) -> None:
    marker = uuid4().hex
    path = sqlite_cli.home / "file"
    if content == "directory":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    done = sqlite_cli("ask", marker, "-f", str(path))
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert str(path) in done.err
    assert done.err.count("\n") == 1
    assert fake.asked(marker) == []
    assert sqlite_cli("ask", marker, "-f", "/dev/zero").code == 2


def test_this_terminals_conversation_goes_on(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    one, two = uuid4().hex, uuid4().hex
    script = (
        f"askcli ask -c {one}; echo code $?; askcli ask -q {one};"
        f"echo more | askcli ask -c {two} | cat; askcli ask other;"
        f"id=$(askcli history search {one} | tail -1 | cut -c1-18);"
        f"askcli ask -c --conversation $id third-{two}"
    )
    written = sqlite_cli.terminal_shell(script, columns=200).read()
    assert "nothing was asked in this terminal yet" in written
    assert "code 2" in written
    assert re.search(rf"continuing conversation [0-9a-f-]{{36}} \({one}\)", written)
    (request,) = fake.asked(f"{two}\n\nmore")
    assert request["messages"][0]["content"] == one
    (third,) = fake.asked(f"third-{two}")  # --conversation wins over -c
    assert third["messages"][0]["content"] == one
    # Another terminal is in no conversation yet, and where there is none at all -c means none.
    assert "nothing was asked" in sqlite_cli.terminal_shell(f"askcli ask -c {one}").read()
    alone = sqlite_cli("ask", "-c", one, start_new_session=True)
    assert (alone.code, "--conversation ID" in alone.err) == (2, True)
    kept = list((sqlite_cli.home / ".local/state/askcli/terminals").iterdir())
    assert kept
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}


def test_a_stopped_reader_stops_the_writer(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(marker, *["many words\n"] * 5000)
    process = sqlite_cli.start("ask", marker)
    assert process.stdout
    assert os.read(process.stdout.fileno(), 10)
    process.stdout.close()
    assert process.wait(30) == 141
    assert process.returncode != -signal.SIGPIPE
