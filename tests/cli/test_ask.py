"""askcli ask: words and stdin, JSON, bad input, harmless text, errors."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from tests.support.cli import Cli, NewCli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.processes import ServerProcess


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
    assert sqlite_cli.fresh("ask", *filled, stdin=piped).code == 0
    (request,) = fake.asked(marker)
    assert request["messages"][-1]["content"] == asked.format(marker)


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
    done = sqlite_cli.in_process("ask", stdin=stdin)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("askcli: error: ")
    assert said in done.err
    assert done.err.count("\n") == 1
    assert json.loads(sqlite_cli.in_process("history", "list", "--json").out)["items"] == []


def test_stdin_as_a_file(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    (sqlite_cli.home / "a.txt").write_text("of a")
    done = sqlite_cli.in_process("ask", marker, "-f", "a.txt", "-f", "-", stdin="piped\n")
    assert done.code == 0
    (request,) = fake.asked(marker)
    assert request["messages"][-1]["content"] == (
        f'{marker}\n\n<file name="a.txt">\nof a\n</file>\n\n<file name="stdin">\npiped\n</file>'
    )
    assert sqlite_cli.in_process("ask", marker, "--no-stdin", "-f", "-").code == 2


def test_blank_words_are_no_question(sqlite_cli: Cli) -> None:
    assert sqlite_cli.in_process("ask", "   ").code == 2


def test_json_is_one_object_and_ndjson_the_events(cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(marker, "one ", "two")
    finished = json.loads(cli.in_process("ask", "--json", marker).out)
    assert (finished["answer"], finished["status"]) == ("one two", "answered")
    lines = [
        json.loads(line) for line in cli.in_process("ask", "--ndjson", marker).out.splitlines()
    ]
    assert [lines[0]["event"], lines[-1]["event"]] == ["question", "done"]
    assert {line["event"] for line in lines[1:-1]} == {"delta"}
    assert "".join(line["data"]["text"] for line in lines[1:-1]) == "one two"
    assert lines[-1]["data"]["answer"] == "one two"
    assert cli.in_process("ask", "--ndjson", "--json", marker).code == 2


def test_an_error_under_json_is_json_on_stderr(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(marker, status=400, error_type="invalid_request_error")
    done = sqlite_cli.in_process("ask", "--json", marker)
    assert (done.code, done.out) == (5, "")
    error = json.loads(done.err)["error"]
    assert error["code"] == "provider_rejected"
    fake.on(marker, status=400, error_type="invalid_request_error")
    done = sqlite_cli.in_process("ask", "--", "--json", marker)  # words of the question
    assert done.err.startswith("askcli: error: ")
    assert json.loads(sqlite_cli.in_process("history", "show", error["question_id"], "--json").out)


@pytest.mark.parametrize("stop_reason", ["max_tokens", "refusal"])
def test_an_answer_that_is_not_whole_is_no_success(
    sqlite_cli: Cli, fake: FakeAnthropic, stop_reason: str
) -> None:
    marker = uuid4().hex
    fake.on(marker, "half an", stop_reason=stop_reason)
    done = sqlite_cli.in_process("ask", marker)
    assert (done.code, done.out) == (5, "half an\n")
    assert done.err.startswith("askcli: error: ")


def test_escape_sequences_are_harmless_and_unchanged_only_raw(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    evil = "red \x1b[31m, title \x1b]0;owned\x07, c1 \x9b31m, back\rspace \x08\x7f end"
    fake.on(marker, evil[:5], evil[5:30], evil[30:])
    assert sqlite_cli.in_process("ask", "--raw", marker).out == evil
    piped = sqlite_cli.in_process("ask", marker).out
    assert piped == "red ␛[31m, title ␛]0;owned␇, c1 �31m, backspace ␈␡ end\n"
    for flags in ([], ["--raw"], ["--json"], ["--ndjson"]):
        terminal = sqlite_cli.terminal("ask", *flags, marker)
        terminal.expect("end")
        terminal.read()
        output = str(terminal.before) + str(terminal.after)
        terminal.wait()
        for sequence in ("\x1b[31m", "\x1b]0;", "\x07", "\x9b", "\x08", "\x7f"):
            assert sequence not in output, (flags, sequence)
    output = (
        sqlite_cli.in_process("history", "list").out
        + sqlite_cli.in_process("history", "list", "--json").out
    )
    assert "\x1b" not in output
    assert "\x9b" not in output


def test_an_unreachable_server(new_cli: NewCli) -> None:
    cli = new_cli(ASKCLI_SERVER="http://127.0.0.1:9")
    cli.environment["ASKCLI_TOKEN"] = "any"
    done = cli.in_process("ask", "--timeout", "1", "hello")
    assert (done.code, done.out) == (6, "")
    assert "cannot reach http://127.0.0.1:9" in done.err
    assert "Trying again" in done.err
    assert "has not confirmed the question" in done.err
    assert cli.in_process("whoami").code == 6
    assert cli.in_process("ask", "hello", "--server", "nonsense").code == 2


def test_who_is_not_logged_in_is_told_how(new_cli: NewCli, sqlite_server: ServerProcess) -> None:
    done = new_cli(sqlite_server).in_process("ask", "hello")
    assert done.code == 4
    assert "askcli login" in done.err


def test_usage_errors_are_one_line(sqlite_cli: Cli) -> None:
    (sqlite_cli.home / "empty").touch()
    for words in (
        *(["ask", "--nonsense"], ["nonsense"], ["ask", "--timeout", "soon", "x"]),
        *(["ask", "--debug", "x"], ["ask", "-", "x"], ["ask", "-f", "empty"]),
    ):
        done = sqlite_cli.in_process(*words)
        assert (done.code, done.out) == (2, ""), words
        assert done.err.startswith("askcli: error: "), words
        assert done.err.count("\n") == 1, words


def test_a_flag_goes_before_the_environment_and_that_before_the_file(
    new_cli: NewCli, sqlite_server: ServerProcess
) -> None:
    cli = new_cli()
    config = cli.home / ".config/askcli"
    config.mkdir(parents=True)
    (config / "config.toml").write_text('server = "http://127.0.0.1:1"\n')
    (cli.home / ".env").write_text("ASKCLI_SERVER=http://127.0.0.1:4\n")
    assert "127.0.0.1:1" in cli.in_process("status").out
    cli.environment["ASKCLI_SERVER"] = "http://127.0.0.1:2"
    assert "127.0.0.1:2" in cli.in_process("status").out
    assert "127.0.0.1:3" in cli.in_process("status", "--server", "http://127.0.0.1:3").out
    del cli.environment["ASKCLI_SERVER"]
    (config / "config.toml").write_text("")
    assert "127.0.0.1" not in cli.in_process("status").out  # a .env never redirects a client
    (config / "config.toml").write_text("sever = 'typo'\n")
    done = cli.in_process("status")
    assert (done.code, "sever" in done.err) == (2, True)


def test_a_retry_asks_for_the_same_unless_it_is_told_otherwise(
    cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    earlier = ["-m", "claude-haiku-5-5-20261001", "-s", "Be brief.", "--max-tokens", "77"]
    question_id = json.loads(cli.in_process("ask", "--json", *earlier, marker).out)["id"]
    assert cli.in_process("ask", "--retry", question_id).code == 0
    options = ["-m", "claude-opus-5-5", "--max-tokens", "88", "-s", "Be long."]
    assert cli.in_process("ask", "--retry", question_id, *options).code == 0
    assert [
        (request["model"], request["system"], request["max_tokens"])
        for request in fake.asked(marker)
    ] == [
        ("claude-haiku-5-5-20261001", "Be brief.", 77),
        ("claude-haiku-5-5-20261001", "Be brief.", 77),
        ("claude-opus-5-5", "Be long.", 88),
    ]
    plain = json.loads(cli.in_process("ask", "--json", f"{marker} plain").out)
    later = ["--conversation", plain["conversation_id"], "-s", "Rhyme.", f"{marker} later"]
    assert cli.in_process("ask", *later).code == 0
    assert cli.in_process("ask", "--retry", plain["id"]).code == 0
    assert [request.get("system") for request in fake.asked(f"{marker} plain")] == [None, None]
    assert cli.in_process("ask", "--retry", question_id, "other").code == 2
    done = cli.in_process("ask", "--rejoin", question_id, *options)
    assert done.code == 2
    assert "takes no --system, --model, --max-tokens: use --retry ID" in done.err


def test_an_empty_file_goes_with_a_question(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    (sqlite_cli.home / "empty").touch()
    assert sqlite_cli.in_process("ask", "-f", "empty", marker).code == 0
    (asked,) = fake.asked(marker)
    assert '<file name="empty">' in asked["messages"][0]["content"]


def test_where_an_error_came_from_changes_no_exit_code(new_cli: NewCli) -> None:
    cli = new_cli(ASKCLI_SERVER="http://127.0.0.1:9", ASKCLI_TOKEN="any")
    assert "Traceback" in cli.in_process("--debug", "whoami").err
    assert cli.shell("askcli --debug whoami 2>/dev/full").code == 6
