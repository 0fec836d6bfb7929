"""askcli ask with stdin and files: endless, huge, silent, binary."""

from __future__ import annotations

import json
import subprocess
from typing import Any
from uuid import uuid4

import pytest

from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic


def test_an_endless_stdin_is_refused_at_once(sqlite_cli: Cli) -> None:
    done = sqlite_cli.shell("set +o pipefail; yes | askcli ask summarize; exit ${PIPESTATUS[1]}")
    assert done.code == 2
    assert "too long" in done.err
    assert json.loads(sqlite_cli.in_process("history", "--json").out)["items"] == []


def test_two_gigabytes_of_stdin_are_not_read(sqlite_cli: Cli) -> None:
    big = sqlite_cli.home / "big"
    with big.open("wb") as file:
        file.truncate(2 * 1024**3)  # a file with a hole takes no room
    measure = (
        "import resource,subprocess,sys;"
        'code=subprocess.run(["askcli","ask","x"],stdin=open("big","rb")).returncode;'
        "print(code,resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = sqlite_cli.fresh_shell(f"python3 -c '{measure}'; echo $(( $(wc -c < big) ))")
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
    assert sqlite_cli.in_process("ask", "--no-stdin", "-").code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ask", "-"], "stdin did not end within 1 s"),
        (["ask", "hi"], "stdin did not end within 1 s"),
        (["batch", "-"], "the batch did not end within 1 s"),
    ],
)
def test_a_stdin_that_never_ends_is_waited_for_until_the_time_out(
    sqlite_cli: Cli, words: list[str], said: str
) -> None:
    pipes: Any = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = sqlite_cli.start(*words, "--timeout", "1", **pipes)
    assert process.stdin
    assert process.stderr
    process.stdin.write(b'"begun"')
    process.stdin.flush()
    code = process.wait(30)
    *_, error = process.stderr.read().decode().splitlines()
    assert (code, error.startswith(f"askcli: error: {said}")) == (6, True), error
    process.communicate()


READ_STDIN = [
    "ask -",
    "ask hi -f -",
    "batch -",
    "config set server -",
    "login --with-token",
    "login --email a@b.example --password-stdin",
]


@pytest.mark.parametrize("words", READ_STDIN)
def test_a_stdin_that_is_closed_is_a_usage_error(sqlite_cli: Cli, words: str) -> None:
    done = sqlite_cli.shell(f"askcli {words} <&-")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
    assert "reads stdin, which" in done.err


@pytest.mark.parametrize("words", READ_STDIN)
def test_a_stdin_that_cannot_be_read_is_a_usage_error(sqlite_cli: Cli, words: str) -> None:
    with (sqlite_cli.home / "file").open("wb") as file:
        streams = {"stdin": file.fileno(), "stderr": subprocess.PIPE}
        process = sqlite_cli.start(*words.split(), **streams)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.count(b"\n")) == (2, b"", 1), err
    assert b"reads stdin, which" in err


def test_a_stdin_that_cannot_be_read_can_be_left_out(sqlite_cli: Cli) -> None:
    done = sqlite_cli.shell("askcli ask hi 0>file")
    assert (done.code, "--no-stdin" in done.err) == (2, True), done
    assert sqlite_cli.shell("askcli ask hi --no-stdin 0>file").code == 0


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
    assert sqlite_cli.in_process("ask", "-q", failing).err.startswith("askcli: error: ")


def test_a_byte_order_mark_is_no_part_of_a_question(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(marker, "Yes.")
    for words in (("ask", "-"), ("ask", "-f", "-"), ("ask", "Is it?")):
        assert sqlite_cli.in_process(*words, stdin=f"\ufeff{marker}\n").out == "Yes.\n"
    assert "\ufeff" not in "".join(
        request["messages"][0]["content"] for request in fake.asked(marker)
    )
    assert sqlite_cli.in_process("ask", stdin="\ufeff").code == 2


def test_files_go_along_under_their_names(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    (sqlite_cli.home / "inner").mkdir()
    (sqlite_cli.home / "inner/one.py").write_text("print(1)\n")
    (sqlite_cli.home / 'b "2".txt').write_bytes(b"\xef\xbb\xbfz\xc3\xbcrich")
    words = ("ask", marker, "-f", "inner/one.py", "--file", 'b "2".txt', "--json")
    done = sqlite_cli.in_process(*words, stdin="and stdin\n")
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
    done = sqlite_cli.in_process("ask", marker, "-f", str(path))
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert str(path) in done.err
    assert done.err.count("\n") == 1
    assert fake.asked(marker) == []
    assert sqlite_cli.in_process("ask", marker, "-f", "/dev/zero").code == 2
