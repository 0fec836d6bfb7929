"""Without a command: a question, a pipe, a word that is none, and nothing at all."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from tests.support.cli import Cli, NewCli


def test_words_with_blanks_are_a_question_and_so_is_a_pipe(sqlite_cli: Cli) -> None:
    marker = uuid4().hex
    assert sqlite_cli(f"why is {marker} blue?").out == f"You asked: why is {marker} blue?\n"
    assert sqlite_cli(f"why\n{marker}", "--raw", "-q").out == f"You asked: why\n{marker}"
    assert sqlite_cli(stdin=f"piped {marker}").out == f"You asked: piped {marker}\n"
    terminal = sqlite_cli.terminal(f"why is {marker} blue?").read()
    assert "Asking" in terminal


def test_one_unknown_word_is_an_error_with_a_hint(sqlite_cli: Cli) -> None:
    for words, hint in (
        (["histroy"], "did you mean `askcli history`?"),
        (["why", "it's", "blue"], "To ask about it: askcli ask why 'it'\"'\"'s' blue"),
        (["token", "lst"], "did you mean `askcli token list`?"),
        (["token", "zzz"], "`askcli token --help` lists them."),
    ):
        done = sqlite_cli.in_process(*words)
        assert (done.code, done.out) == (2, "")
        assert hint in done.err
        assert done.err.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["token"], ["users"], ["invite"]])
def test_no_command_at_all_shows_the_help_and_says_so(sqlite_cli: Cli, words: list[str]) -> None:
    done = sqlite_cli.in_process(*words)
    name = " ".join(["askcli", *words])
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"Usage: {name} ")
    assert done.err.endswith(f"\naskcli: error: {name} needs a command.\n")
    terminal = sqlite_cli.terminal(*words)
    assert f"{name} needs a command." in terminal.read()
    terminal.wait()
    assert terminal.exitstatus == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("history --profile work delete --older-than 1s --yes", "askcli history delete --profile"),
        ("history -n 5 search commit", "askcli history search --limit"),
        ("models --server http://127.0.0.1:1 list", "askcli models list --server"),
        ("config --json get model", "askcli config get --json"),
    ],
)
def test_an_option_before_the_command_of_a_group_is_refused_and_not_ignored(
    new_cli: NewCli, words: str, said: str
) -> None:
    done = new_cli().in_process(*words.split())
    assert (done.code, done.out) == (2, "")
    assert f"comes after the command: {said}" in done.err


def test_an_option_that_is_no_number_is_explained(sqlite_cli: Cli) -> None:
    done = sqlite_cli.in_process("history", "--limit", "abc")
    expected = "--limit: 'abc' must be a whole number from 1 to 1000000000."
    assert (done.code, done.err) == (2, f"askcli: error: {expected}\n")


def test_the_help_is_in_sections_with_examples_and_cuts_nothing(sqlite_cli: Cli) -> None:
    sqlite_cli.environment["COLUMNS"] = "45"
    output = sqlite_cli.in_process("--help").out
    sections = [output.index(f"\n{name}:\n") for name in ("Ask", "History", "Account", "Host")]
    assert sections == sorted(sections)
    assert '\n  $ askcli ask "Why is the sky blue?"\n' in output
    of_ask = sqlite_cli.in_process("ask", "--help").out
    assert "--conversation ID" in of_ask
    assert "--max-tokens NUMBER" in of_ask
    assert not re.search(r"<\w|\[\w<=", output + of_ask + sqlite_cli.in_process("audit", "-h").out)
    assert "…" not in output + of_ask
    assert all(len(line) <= 45 for line in of_ask.splitlines())
