"""The code of an answer, a copy of it, and a page in the browser."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic

CODE = "Do this:\n\n```python\nx = 1\n```\n\nor that:\n\n- ```sh\n  y=2\n  ```\n\nDone."


@pytest.fixture
def marker(fake: FakeAnthropic) -> str:
    """A question that is answered with two blocks of code."""
    text = uuid4().hex
    fake.on(text, CODE)
    return text


def program(cli: Cli, name: str, script: str) -> None:
    """Put a program on the user's PATH."""
    path = cli.home / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    if not cli.environment["PATH"].startswith(str(path.parent)):
        cli.environment["PATH"] = f"{path.parent}:{cli.environment['PATH']}"


def test_the_code_alone_is_printed(sqlite_cli: Cli, marker: str) -> None:
    done = sqlite_cli.in_process("ask", "-x", marker)
    assert (done.code, done.out, done.err) == (0, "y=2\n", "")
    assert sqlite_cli.in_process("ask", "--all-code", marker).out == "x = 1\n\ny=2\n"
    for words in (("-x",), ("--code", "@"), ("-x", "-o", "file")):
        done = sqlite_cli.in_process("history", "show", *words)
        assert (done.code, done.err) == (0, ""), words
        assert (done.out or (sqlite_cli.home / "file").read_text()) == "y=2\n"
    shown = sqlite_cli.terminal("history", "show", "-x").read()
    assert shown == "y=2\r\n"
    assert sqlite_cli.in_process("ask", "-x", "--rejoin").out == "y=2\n"


def test_without_code_a_file_stays_as_it_was(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    none, cut = uuid4().hex, uuid4().hex
    fake.on(none, "It has `no` block.")
    fake.on(cut, "```sh\nrm -r ", "dir/sub\n```", fault="reset", fault_after=1)
    file = sqlite_cli.home / "file"
    file.write_text("old")
    done = sqlite_cli.in_process("ask", "-x", "-o", "file", none)
    assert (done.code, done.out, file.read_text()) == (1, "", "old")
    assert "no block of code" in done.err
    failed = sqlite_cli.in_process("ask", "-x", none, "--json")
    assert failed.code == 2
    for words in ("-x", "--all-code", "-xo file"):
        done = sqlite_cli.in_process("ask", *words.split(), cut)
        assert (done.code, done.out, file.read_text()) == (5, "", "old"), done
    for words in ("-x", "-xo file", "-o file", "--copy"):
        done = sqlite_cli.in_process("history", "show", *words.split())
        assert (done.code, done.out, file.read_text()) == (5, "", "old"), done
    assert sqlite_cli.in_process("history", "show", "--json").code == 0
    fake.on(cut := uuid4().hex, "```sh\nrm -r ", stop_reason="max_tokens")
    assert "raise it with --max-tokens." in sqlite_cli.in_process("ask", "-x", cut).err
    done = sqlite_cli.in_process("history", "show", "-x")
    assert (done.code, " --max-tokens N`" in done.err) == (5, True), done


@pytest.mark.parametrize(
    "words",
    [
        ("ask", "-x", "--all-code", "hi"),
        ("ask", "-x", "--ndjson", "hi"),
        ("history", "show", "-x", "--json"),
        ("history", "show", "--conversation", "@", "--open"),
        ("ask", "-e", "--retry", "@"),
        ("ask", "-e", "-"),
    ],
)
def test_what_excludes_each_other_is_told_before_anything_is_asked(
    sqlite_cli: Cli, words: tuple[str, ...]
) -> None:
    done = sqlite_cli.in_process(*words)
    assert (done.code, done.out) == (2, ""), done
    assert sqlite_cli.in_process("history").out == ""


def test_a_whole_answer_is_copied(sqlite_cli: Cli, fake: FakeAnthropic, marker: str) -> None:
    program(sqlite_cli, "xclip", 'cat > "$HOME/copied"')
    sqlite_cli.environment["DISPLAY"] = ":0"
    copied, cut = sqlite_cli.home / "copied", uuid4().hex
    done = sqlite_cli.in_process("ask", "--copy", marker)
    assert (done.out, done.err) == (f"{CODE}\n", "askcli: copied by xclip\n")
    assert copied.read_text() == CODE
    done = sqlite_cli.in_process("history", "show", "-x", "--copy")
    assert (done.code, done.out, copied.read_text()) == (0, "y=2\n", "y=2\n")
    fake.on(cut, "half an ", "answer", fault="reset", fault_after=1)
    assert sqlite_cli.in_process("ask", "--copy", cut).code == 5
    assert copied.read_text() == "y=2\n"
    program(sqlite_cli, "xclip", "exit 1")
    sqlite_cli.environment["TERM"] = "dumb"
    done = sqlite_cli.in_process("ask", "-q", "--copy", "-o", "file", marker)
    assert (done.code, "nothing was copied" in done.err) == (1, True)
    assert (sqlite_cli.home / "file").read_text() == f"{CODE}\n"  # the answer is whole


def test_a_page_of_the_answer_is_opened(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    text = f"{uuid4().hex} <b>?"
    fake.on(text, "*yes* <script>alert(1)</script> ![x](https://a.example/p.png)\x1b\n")
    program(sqlite_cli, "xdg-open", 'echo "$1" > "$HOME/opened"; echo noise')
    sqlite_cli.environment |= {"DISPLAY": ":0", "XDG_CACHE_HOME": str(sqlite_cli.home / "cache")}
    done = sqlite_cli.in_process("ask", "-q", "--open", text)
    assert (done.code, done.err, "noise" in done.out) == (0, "", False), done
    url = (sqlite_cli.home / "opened").read_text().strip()
    page = Path(url.removeprefix("file://"))
    assert [stat.S_IMODE(one.stat().st_mode) for one in (page, page.parent)] == [0o600, 0o700]
    html = page.read_text()
    assert "<em>yes</em> &lt;script&gt;" in html
    assert "default-src 'none'" in html
    assert ("<script" in html, "<img" in html, "\x1b" in html) == (False, False, False)
    program(sqlite_cli, "xdg-open", "exit 3")
    done = sqlite_cli.in_process("history", "show", "--open")
    assert (done.code, str(page) in done.err) == (1, True)
    sqlite_cli.environment["SSH_CONNECTION"] = "192.0.2.1 1 192.0.2.2 22"
    done = sqlite_cli.in_process("history", "show", "--open")
    assert (done.code, f"the page is {page}" in done.err) == (0, True)
    id_ = json.loads(sqlite_cli.in_process("history", "show", "--json").out)["id"]
    assert sqlite_cli.in_process("history", "delete", id_, "--yes").code == 0
    assert not page.exists()
