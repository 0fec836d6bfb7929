"""docs/coming-from.md: its commands are ones that askcli has, and they do what they say."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

from askcli.cli.app import app
from askcli.cli.reference import tree
from tests.support import built_commands
from tests.support.cli import Cli
from tests.support.documents import ROOT
from tests.support.fake_anthropic import FakeAnthropic

PAGE = (ROOT / "docs/coming-from.md").read_text()
# What needs a terminal or a clipboard, files of others, or a question of this id is parsed only.
PARSED_ONLY = {"chat", "batch", "import", "anthropic_api_key", "status", "-c", "-e", "--copy"}
PARSED_ONLY |= {"--rejoin", "--older-than", "01a2abcd"}


def commands() -> Iterator[list[str]]:
    """The words behind `askcli` of each command on the page."""
    for span in re.findall(r"`([^`]+)`", PAGE.replace(r"\|", "|")):
        last = span.rpartition(" | ")[2]
        if last.startswith("askcli "):
            yield shlex.split(last)[1:]


def test_each_command_of_the_page_is_one_of_askcli() -> None:
    parsed = [parse(words) for words in commands()]
    assert len(parsed) > 40
    assert {"ask", "chat", "batch", "history import", "conversations export"} <= set(parsed)


def parse(words: list[str]) -> str:
    """The name of the command with these words. Fails where it does not take them."""
    command: Any = built_commands.get_command(app)
    names: list[str] = []
    while words and (inner := tree.member(command, words[0])):
        command, names, words = inner, [*names, words[0]], words[1:]
    assert names, words
    command.make_context(names[-1], list(words))
    return " ".join(names)


def test_the_commands_of_the_page_run(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    for question in ("A shell script", "And at night?"):
        fake.on(question, "Here:\n\n```sh\necho 1 2 3\n```\n")
    for name in ("app.py", "test_app.py", "reviewer.md"):
        (sqlite_cli.home / name).write_text(f"what {name} says\n")
    ran = [words for words in commands() if PARSED_ONLY.isdisjoint(words)]
    for words in ran:
        done = sqlite_cli.in_process(*words)
        assert done.code == 0, (words, done)
    assert len(ran) > 20
    assert (sqlite_cli.home / "answer.md").read_text() == "You asked: Why is the sky blue?\n"
    assert "Skies" in (sqlite_cli.home / "talk.html").read_text()  # as it was renamed before
