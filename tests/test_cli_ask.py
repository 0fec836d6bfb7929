"""askcli ask: pipes, terminals, JSON, bad input, harmless text."""

from __future__ import annotations

import json
import os
import signal
from typing import Any
from uuid import uuid4

import pyte
import pytest

from tests.support.fake_anthropic import FakeAnthropic
from tests.support.processes import Cli, ServerProcess

NOT_IN_A_PIPE = {
    "alembic", "anthropic", "click", "fastapi", "pydantic", "pygments", "rich", "sqlalchemy",
    "starlette", "uvicorn",
}  # fmt: skip


def test_stdout_is_the_answer_and_nothing_else(cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(marker, "# Title\n\n", "Some **bold** text.")
    done = cli("ask", "tell", "me", marker)
    assert (done.code, done.out, done.err) == (0, "# Title\n\nSome **bold** text.\n", "")


def test_a_pipe_gets_the_first_words_while_the_model_still_answers(
    cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "first words", " and the rest", hold_after=1)
    process = cli.start("ask", marker)
    assert process.stdout
    assert os.read(process.stdout.fileno(), 100) == b"first words"
    assert held.reached.wait(30)
    assert process.poll() is None
    held.release()
    assert process.stdout.read() == b" and the rest\n"
    process.stdout.close()
    assert process.wait() == 0


@pytest.mark.parametrize(
    ("words", "stdin", "asked"),
    [
        (["{}"], "", "{}"),
        (["{}", "two"], "piped\n", "{} two\n\npiped"),
        (["-"], "{} alone\n", "{} alone"),
        ([], "{} only\n\n", "{} only"),
        (["{}"], None, "{}"),
    ],
)
def test_words_and_stdin_make_the_question(
    sqlite_cli: Cli, fake: FakeAnthropic, words: list[str], stdin: str | None, asked: str
) -> None:
    marker = uuid4().hex
    filled = [word.format(marker) for word in words]
    piped = stdin.format(marker) if stdin is not None else None
    assert sqlite_cli("ask", *filled, stdin=piped).code == 0
    (request,) = fake.asked(marker)
    assert request["messages"][-1]["content"] == asked.format(marker)


def test_closed_stdin_and_stdout(sqlite_cli: Cli) -> None:
    assert sqlite_cli.shell("askcli ask hello <&-").out == "You asked: hello\n"
    done = sqlite_cli.shell("askcli ask hello >&-")
    assert done.code == 1
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        ("", "no question"),
        (" \n\t\n", "no question"),
        (b"caf\xe9", "not UTF-8"),
        (b"a\0b", "NUL"),
        (b"a" * 1_048_576, "too long"),
    ],
    ids=["empty", "blank", "not UTF-8", "NUL", "1 MB"],
)
def test_bad_input_is_refused_and_changes_nothing(
    sqlite_cli: Cli, stdin: str | bytes, said: str
) -> None:
    done = sqlite_cli("ask", stdin=stdin)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("askcli: error: ")
    assert said in done.err
    assert done.err.count("\n") == 1
    assert json.loads(sqlite_cli("history", "list", "--json").out)["items"] == []


def test_blank_words_are_no_question(sqlite_cli: Cli) -> None:
    assert sqlite_cli("ask", "   ").code == 2


def test_json_is_one_object_and_ndjson_the_events(cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(marker, "one ", "two")
    finished = json.loads(cli("ask", "--json", marker).out)
    assert (finished["answer"], finished["status"]) == ("one two", "answered")
    lines = [json.loads(line) for line in cli("ask", "--ndjson", marker).out.splitlines()]
    assert [lines[0]["event"], lines[-1]["event"]] == ["question", "done"]
    assert {line["event"] for line in lines[1:-1]} == {"delta"}
    assert "".join(line["data"]["text"] for line in lines[1:-1]) == "one two"
    assert lines[-1]["data"]["answer"] == "one two"
    assert cli("ask", "--ndjson", "--json", marker).code == 2


def test_an_error_under_json_is_json_on_stderr(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(marker, status=529, error_type="overloaded_error")
    done = sqlite_cli("ask", "--json", marker)
    assert (done.code, done.out) == (5, "")
    error = json.loads(done.err)["error"]
    assert error["code"] == "provider_overloaded"
    assert json.loads(sqlite_cli("history", "show", error["question_id"], "--json").out)


@pytest.mark.parametrize("stop_reason", ["max_tokens", "refusal"])
def test_an_answer_that_is_not_whole_is_no_success(
    sqlite_cli: Cli, fake: FakeAnthropic, stop_reason: str
) -> None:
    marker = uuid4().hex
    fake.on(marker, "half an", stop_reason=stop_reason)
    done = sqlite_cli("ask", marker)
    assert (done.code, done.out) == (5, "half an\n")
    assert done.err.startswith("askcli: error: ")


def test_escape_sequences_are_harmless_and_unchanged_only_raw(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    evil = "red \x1b[31m, title \x1b]0;owned\x07, c1 \x9b31m, back\rspace \x08\x7f end"
    fake.on(marker, evil[:5], evil[5:30], evil[30:])
    assert sqlite_cli("ask", "--raw", marker).out == evil
    piped = sqlite_cli("ask", marker).out
    assert piped == "red ␛[31m, title ␛]0;owned␇, c1 �31m, backspace ␈␡ end\n"
    for flags in ([], ["--raw"], ["--json"], ["--ndjson"]):
        terminal = sqlite_cli.terminal("ask", *flags, marker)
        terminal.expect("end")
        terminal.read()
        shown = str(terminal.before) + str(terminal.after)
        terminal.wait()
        for sequence in ("\x1b[31m", "\x1b]0;", "\x07", "\x9b", "\x08", "\x7f"):
            assert sequence not in shown, (flags, sequence)
    shown = sqlite_cli("history", "list").out + sqlite_cli("history", "list", "--json").out
    assert "\x1b" not in shown
    assert "\x9b" not in shown


def _screen(terminal: Any, columns: int = 80, rows: int = 24) -> pyte.Screen:
    screen = pyte.Screen(columns, rows)
    pyte.Stream(screen).feed(terminal.read())
    terminal.wait()
    return screen


def test_a_terminal_shows_rendered_markdown(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    text = "# Heading\n\nSome **bold** words.\n\n- one\n- two\n\n```python\nx = 1\n```\n\nThe end."
    fake.on(marker, *(text[i : i + 7] for i in range(0, len(text), 7)))
    terminal = sqlite_cli.terminal("ask", marker)
    screen = _screen(terminal)
    assert terminal.exitstatus == 0
    shown = "\n".join(line.rstrip() for line in screen.display).strip()
    assert "**" not in shown
    assert "#" not in shown
    assert "```" not in shown
    assert "• one" in shown
    assert shown.endswith("The end.")
    row = next(y for y, line in enumerate(screen.display) if "bold" in line)
    column = screen.display[row].index("bold")
    assert screen.buffer[row][column].bold
    assert not screen.buffer[row][0].bold


def test_blocks_stand_one_line_apart_and_nothing_raw_is_left(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    code = "```python\ndef sky(wavelength):\n    return wavelength ** -4\n```"
    table = "| colour | nm |\n| --- | --- |\n| blue | 450 |"
    text = f"Words.\n\n1. one\n2. two\n\n{table}\n\n{code}\n\nMore.\n\n> The end."
    fake.on(marker, *(text[i : i + 9] for i in range(0, len(text), 9)), pause=0.01)
    sqlite_cli.environment["NO_COLOR"] = "1"
    for columns in (40, 80, 200):
        terminal = sqlite_cli.terminal("ask", marker, columns=columns, rows=40)
        shown = [line.rstrip() for line in _screen(terminal, columns, 40).display]
        assert [line.strip() for line in "\n".join(shown).strip().splitlines()] == [
            "Words.", "",
            "1 one", "2 two", "",
            "colour  nm", "───────────", "blue    450", "",
            "def sky(wavelength):", "return wavelength ** -4", "",
            "More.", "",
            "▌ The end.",
        ]  # fmt: skip


def test_a_long_answer_scrolls_by_once(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    paragraphs = [f"Paragraph number {n}.\n\n" for n in range(60)]
    fake.on(marker, *paragraphs)
    terminal = sqlite_cli.terminal("ask", marker, rows=10)
    screen = pyte.HistoryScreen(80, 10, history=1000)
    pyte.Stream(screen).feed(terminal.read())
    terminal.wait()
    lines = ["".join(line[x].data for x in range(80)).strip() for line in screen.history.top] + [
        line.strip() for line in screen.display
    ]
    told = [line for line in lines if line.startswith("Paragraph")]
    assert told == [f"Paragraph number {n}." for n in range(60)]


def test_a_pipe_loads_nothing_heavy(sqlite_cli: Cli) -> None:
    done = sqlite_cli.shell("python -X importtime -m askcli ask hello 2> modules | cat")
    assert done.out == "You asked: hello\n"
    loaded = {
        line.rpartition("|")[2].strip()
        for line in (sqlite_cli.home / "modules").read_text().splitlines()
    }
    assert "askcli.cli.commands.ask" in loaded
    assert "httpx2" in loaded
    tops = {name.partition(".")[0] for name in loaded}
    assert tops & NOT_IN_A_PIPE == set()
    assert not {name for name in loaded if "askcli.server" in name or "askcli.store" in name}


def test_ctrl_c_leaves_with_130(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "begun", " never", hold_after=1)
    process = sqlite_cli.start("ask", marker)
    assert process.stdout
    assert os.read(process.stdout.fileno(), 100) == b"begun"
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    process.stdout.close()
    held.release()


def test_a_reader_that_goes_is_no_error(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(marker, *["many words\n"] * 5000)
    done = sqlite_cli.shell(
        f"set +o pipefail; askcli ask {marker} | head -1; echo ${{PIPESTATUS[0]}}"
    )
    assert (done.out, done.err) == ("many words\n141\n", "")


def test_a_full_stdout_is_an_error(sqlite_cli: Cli) -> None:
    done = sqlite_cli.shell("askcli ask hello > /dev/full")
    assert done.code == 1
    assert "No space left" in done.err
    assert "Traceback" not in done.err


def test_an_unreachable_server(new_cli: Any) -> None:
    cli = new_cli(ASKCLI_SERVER="http://127.0.0.1:9")
    cli.environment["ASKCLI_TOKEN"] = "any"
    done = cli("ask", "--timeout", "1", "hello")
    assert (done.code, done.out) == (6, "")
    assert "cannot reach http://127.0.0.1:9" in done.err
    assert "Trying again" in done.err
    assert cli("whoami").code == 6
    assert cli("ask", "hello", "--server", "nonsense").code == 2


def test_who_is_not_logged_in_is_told_how(new_cli: Any, sqlite_server: ServerProcess) -> None:
    done = new_cli(sqlite_server)("ask", "hello")
    assert done.code == 4
    assert "askcli login" in done.err


def test_usage_errors_are_one_line(sqlite_cli: Cli) -> None:
    for words in (["ask", "--nonsense"], ["nonsense"], ["ask", "--timeout", "soon", "x"]):
        done = sqlite_cli(*words)
        assert (done.code, done.out) == (2, ""), words
        assert done.err.startswith("askcli: error: "), words
        assert done.err.count("\n") == 1, words


def test_a_flag_goes_before_the_environment_and_that_before_the_file(
    new_cli: Any, sqlite_server: ServerProcess
) -> None:
    cli = new_cli()
    config = cli.home / ".config/askcli"
    config.mkdir(parents=True)
    (config / "config.toml").write_text('server = "http://127.0.0.1:1"\n')
    (cli.home / ".env").write_text("ASKCLI_SERVER=http://127.0.0.1:4\n")
    assert "127.0.0.1:1" in cli("status").out
    cli.environment["ASKCLI_SERVER"] = "http://127.0.0.1:2"
    assert "127.0.0.1:2" in cli("status").out
    assert "127.0.0.1:3" in cli("status", "--server", "http://127.0.0.1:3").out
    del cli.environment["ASKCLI_SERVER"]
    (config / "config.toml").write_text("")
    assert "127.0.0.1" not in cli("status").out  # a .env never redirects a client
    (config / "config.toml").write_text("sever = 'typo'\n")
    done = cli("status")
    assert (done.code, "sever" in done.err) == (2, True)
