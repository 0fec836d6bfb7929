"""help, the man pages, docs/cli.md and the JSON that they promise."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from askcli.cli.app import app
from askcli.cli.reference import topics, tree
from tests.support import built_commands
from tests.support.cli import Cli
from tests.support.processes import ASKCLI

ROOT = Path(__file__).parents[2]


def test_help_explains_commands_and_topics(sqlite_cli: Cli) -> None:
    assert "usage_id" not in sqlite_cli.in_process("help").out
    assert "--conversation" in sqlite_cli.in_process("help", "ask").out
    assert "--older-than" in sqlite_cli.in_process("help", "history", "delete").out
    codes = sqlite_cli.in_process("help", "exit-codes").out
    for part in ("141", "quota_exceeded", "not_authenticated"):
        assert part in codes
    assert re.search(
        r"^timeout +ASKCLI_TIMEOUT +600$", sqlite_cli.in_process("help", "settings").out, re.M
    )
    assert "conversation_id" in sqlite_cli.in_process("help", "json").out
    assert sqlite_cli.in_process("help", "nonsense").code == 2


def test_the_topic_settings_explains_those_of_the_client() -> None:
    """`.env.example` explains the server's."""
    _, _, explained = topics.settings().partition("The client's:")
    for name in ("server", "profile", "token", "timeout", "editing_mode", "idle_seconds"):
        assert re.search(rf"^  {name} +\w", explained, re.M), name


def test_what_json_promises_is_what_is_printed(sqlite_cli: Cli) -> None:
    from askcli.contract import shapes

    assert sqlite_cli.in_process("ask", "hello").code == 0
    printed = {
        "QuestionPage": sqlite_cli.in_process("history", "--json"),
        "UsageList": sqlite_cli.in_process("usage", "--json"),
        "ModelList": sqlite_cli.in_process("models", "--json"),
        "SessionList": sqlite_cli.in_process("whoami", "--sessions", "--json"),
        "Question": sqlite_cli.in_process("ask", "--json", "again"),
        "Removed": sqlite_cli.in_process(
            "history", "delete", "--older-than", "9d", "--yes", "--json"
        ),
    }
    for shape, done in printed.items():
        assert set(json.loads(done.out)) == set(getattr(shapes, shape).__annotations__), shape


def test_the_topic_json_names_every_command_that_prints_it() -> None:
    named = {name for names in topics.JSON for name in names.split(", ")}
    named |= {f"{name} list" for name in named} | {name.partition(" --")[0] for name in named}
    commands = {
        command.name.removeprefix("askcli ")
        for command in tree.commands(built_commands.get_command(app))
        if any("--json" in option.names for option in command.options)
    }
    assert len(commands) > 25
    assert commands - named == {"history", "conversations"}  # which are their lists


def test_documents_made_from_the_commands_are_as_they_would_be_made() -> None:
    made = subprocess.run(
        [
            sys.executable,
            "-c",
            "import json,reference;"
            "print(json.dumps({str(k):v for k,v in reference.documents().items()}))",
        ],
        cwd=ROOT / "tools",
        capture_output=True,
        text=True,
        check=True,
    )
    for path, text in json.loads(made.stdout).items():
        assert Path(path).read_text() == text, f"{path}: run `make docs`"
    pages = {str(path) for path in (ROOT / "man").glob("*.1")}
    assert pages == {path for path in json.loads(made.stdout) if path.endswith(".1")}


def test_man_pages_come_with_the_package() -> None:
    prefix = Path(ASKCLI).parents[1]
    page = prefix / "share/man/man1/askcli.1"
    assert page.is_file()
    if man := shutil.which("man"):
        done = subprocess.run(
            [man, "-l", str(ROOT / "man/askcli-ask.1")],
            capture_output=True,
            text=True,
            env={"MANWIDTH": "80", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            check=False,
        )
        if done.returncode == 0:  # a container may have a man that only says it was left out
            assert "--conversation" in re.sub(".\x08", "", done.stdout)
