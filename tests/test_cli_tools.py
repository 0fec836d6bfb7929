"""config, status, usage, completion, man pages and help."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from askcli.cli.reference import completion_cache
from tests.conftest import SECRETS, logged_in
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.processes import ASKCLI, Cli, ServerProcess
from tests.support.screen import lines

ROOT = Path(__file__).parents[1]


def test_config_changes_one_setting_and_keeps_the_rest(new_cli: Any) -> None:
    cli = new_cli()
    path = Path(cli("config", "path").out.strip())
    assert path == cli.home / ".config/askcli/config.toml"
    assert cli("config", "get", "server").code == 1
    assert cli("config").out == ""
    path.parent.mkdir(parents=True)
    path.write_text('# the one at work\nserver = "http://127.0.0.1:1"  # for now\n\n# patience\n')
    assert cli("config", "set", "timeout", "30").code == 0
    assert cli("config", "set", "server", "http://127.0.0.1:2").code == 0
    assert path.read_text() == (
        '# the one at work\nserver = "http://127.0.0.1:2"  # for now\n\n# patience\ntimeout = 30\n'
    )
    assert path.stat().st_mode & 0o777 == 0o600
    assert cli("config", "get", "timeout").out == "30\n"
    assert json.loads(cli("config", "get", "timeout", "--json").out) == {"timeout": 30}
    assert cli("config").out == "server = http://127.0.0.1:2\ntimeout = 30\n"
    assert "127.0.0.1:2" in cli("status").out
    assert cli("config", "unset", "server").code == 0
    assert "# the one at work" in path.read_text()
    assert cli("config", "get", "server").code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", "tiemout", "3"], "did you mean 'timeout'"),
        (["set", "timeout", "soon"], "whole number"),
        (["set", "port", "99999"], "from 0 to 65535"),
        (["set", "registration", "maybe"], "one of open"),
        (["set", "anthropic_api_key", "sk-on-a-command-line"], "through stdin"),
        (["set", "config_dir", "/tmp"], "ASKCLI_CONFIG_DIR"),
        (["set", "server", ""], "askcli config unset server"),
        (["get", "nonsense"], "there is no setting"),
        (["unset", "nonsense"], "there is no setting"),
    ],
)
def test_config_refuses_what_cannot_be_and_changes_nothing(
    new_cli: Any, words: list[str], said: str
) -> None:
    cli = new_cli()
    done = cli("config", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert not (cli.home / ".config/askcli/config.toml").exists()


def test_config_takes_secrets_from_stdin_and_never_lists_them(new_cli: Any) -> None:
    cli = new_cli()
    secret = f"sk-{uuid4().hex}"
    SECRETS.learn(secret)
    assert cli("config", "set", "anthropic_api_key", "-", stdin=secret + "\n").code == 0
    assert cli("config").out == "anthropic_api_key = (set)\n"
    path = cli.home / ".config/askcli/config.toml"
    assert secret in path.read_text()
    path.write_text("not = [toml")
    done = cli("config", "set", "timeout", "3")
    assert (done.code, "not valid TOML" in done.err) == (2, True)
    assert path.read_text() == "not = [toml"


def test_many_changes_at_once_are_all_kept(new_cli: Any) -> None:
    cli = new_cli()
    names = ["timeout", "idle_seconds", "port", "audit_days"]
    started = [cli.start("config", "set", name, "77") for name in names]
    for process in started:
        assert process.stdout
        process.stdout.close()
        assert process.wait(60) == 0
    assert cli("config").out.count("= 77") == len(names)


def test_status_tells_all_and_the_truth(cli: Cli, server: ServerProcess) -> None:
    found = json.loads(cli("status", "--json").out)
    assert found["state"] == "ready"
    assert found["server_version"] == found["version"]
    kind = "sqlite" if server.database_url.startswith("sqlite") else "postgresql"
    assert found["database"] == kind
    assert found["model"] == "claude-sonnet-5-5"
    assert found["token_life"] == "15 min, then renewed"
    assert found["latency_ms"] > 0
    assert found["problems"] == []
    for columns in (40, 80, 200):
        told = "\n".join(lines(cli.terminal("status", columns=columns).read(), columns))
        assert re.search(r"^database +" + kind, told, re.M)


def test_status_tells_each_problem_with_its_fix(new_cli: Any, sqlite_server: ServerProcess) -> None:
    nobody = new_cli(sqlite_server)("status", "--json")
    problem = json.loads(nobody.out)["problems"][0]
    assert (nobody.code, problem["code"]) == (4, "not_authenticated")
    assert "askcli login" in problem["detail"]
    ended = logged_in(new_cli(sqlite_server), sqlite_server)
    sessions = json.loads(ended("whoami", "--sessions", "--json").out)["items"]
    assert ended("logout", "--session", sessions[0]["id"]).code == 0
    told = ended("status")
    assert (told.code, "askcli login" in told.err) == (4, True)
    away = new_cli(ASKCLI_SERVER="http://127.0.0.1:9")("status")
    assert (away.code, "cannot reach" in away.err) == (6, True)
    assert new_cli()("status").code == 0  # a local server starts when it is asked


def test_usage_counts_by_day_and_model(cli: Cli, fake: FakeAnthropic) -> None:
    assert cli("usage").err == "Nothing was asked then.\n"
    for model in ("claude-haiku-5-5", "claude-haiku-5-5", "claude-sonnet-5-5"):
        assert cli("ask", "-m", model, "hello").code == 0
    items = json.loads(cli("usage", "--json").out)["items"]
    assert [(item["model"], item["questions"]) for item in items] == [
        ("claude-haiku-5-5", 2),
        ("claude-sonnet-5-5", 1),
    ]
    assert [item["input_tokens"] + item["output_tokens"] for item in items] == [36, 18]
    asked = json.loads(cli("history", "--json").out)["items"]
    cost = sum(item["cost_usd"] for item in asked)
    assert sum(item["cost_usd"] for item in items) == pytest.approx(cost)
    assert {item["day"] for item in items} == {asked[0]["created_at"][:10]}
    assert json.loads(cli("usage", "--since", "2020-01-01", "--until", "1d", "--json").out) == {
        "items": []
    }
    assert cli("usage").out.splitlines()[0].split("\t")[1:5] == [
        "claude-haiku-5-5",
        "2",
        "22",
        "14",
    ]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_usage_is_a_bar_chart(sqlite_cli: Cli, columns: int) -> None:
    for model in ("claude-haiku-5-5", "claude-haiku-5-5", "claude-sonnet-5-5"):
        assert sqlite_cli("ask", "-m", model, "hello").code == 0
    shown = lines(sqlite_cli.terminal("usage", columns=columns).read(), columns)
    bars = {line.split()[0]: line.count("█") for line in shown if "█" in line}
    assert all(len(line) <= columns for line in shown)
    if columns > 40:
        assert bars["claude-haiku-5-5"] == pytest.approx(2 * bars["claude-sonnet-5-5"], abs=1)
        assert any("54 tokens" in line and "3 questions" in line for line in shown)
    assert any("54 tokens" in line and "in all" in line for line in shown)


def test_help_explains_commands_and_topics(sqlite_cli: Cli) -> None:
    assert "usage_id" not in sqlite_cli("help").out
    assert "--conversation" in sqlite_cli("help", "ask").out
    assert "--older-than" in sqlite_cli("help", "history", "delete").out
    codes = sqlite_cli("help", "exit-codes").out
    for part in ("141", "quota_exceeded", "not_authenticated"):
        assert part in codes
    assert re.search(r"^timeout +ASKCLI_TIMEOUT +600$", sqlite_cli("help", "settings").out, re.M)
    assert "conversation_id" in sqlite_cli("help", "json").out
    assert sqlite_cli("help", "nonsense").code == 2


def test_what_json_promises_is_what_is_printed(sqlite_cli: Cli) -> None:
    from askcli import contract

    assert sqlite_cli("ask", "hello").code == 0
    printed = {
        "QuestionPage": sqlite_cli("history", "--json"),
        "UsageList": sqlite_cli("usage", "--json"),
        "ModelList": sqlite_cli("models", "--json"),
        "SessionList": sqlite_cli("whoami", "--sessions", "--json"),
        "Question": sqlite_cli("ask", "--json", "again"),
        "Removed": sqlite_cli("history", "delete", "--older-than", "9d", "--yes", "--json"),
    }
    for shape, done in printed.items():
        assert set(json.loads(done.out)) == set(getattr(contract, shape).__annotations__), shape


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
        assert Path(path).read_text() == text, f"{path}: run `python tools/reference.py`"
    assert len(list((ROOT / "man").glob("*.1"))) == len(json.loads(made.stdout)) - 1


def test_man_pages_come_with_the_package() -> None:
    prefix = Path(ASKCLI).parents[1]
    page = prefix / "share/man/man1/askcli.1"
    assert page.is_file()
    if man := shutil.which("man"):
        shown = subprocess.run(
            [man, "-l", str(ROOT / "man/askcli-ask.1")],
            capture_output=True,
            text=True,
            env={"MANWIDTH": "80", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            check=False,
        )
        if shown.returncode == 0:  # a container may have a man that only says it was left out
            assert "--conversation" in re.sub(".\x08", "", shown.stdout)


SHELLS = {
    "bash": """
        source {script}
        complete_() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _askcli 2> /dev/null
                       printf '%s\\n' "${{COMPREPLY[@]}}"; }}
        {calls}""",
    "fish": "source {script}; {calls}",
}


def completed(cli: Cli, shell: str, *words: str) -> set[str]:
    """What a shell offers for the last of these words."""
    path = cli.home / f"completion.{shell}"
    if not path.exists():
        path.write_text(cli("completion", shell).out)
    if shell == "bash":
        calls = "complete_ " + " ".join(f"'{word}'" for word in words)
    else:
        calls = f"complete -C '{' '.join(words)}'"
    script = SHELLS[shell].format(script=path, calls=calls)
    done = subprocess.run(
        [shell, "-c", script],
        capture_output=True,
        text=True,
        env=cli.environment | {"PATH": "/usr/bin:/bin"},  # where no askcli is to be started
        cwd=cli.home,
        check=False,
        timeout=60,
    )
    return {line.split("\t")[0] for line in done.stdout.splitlines() if line}


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_completion_offers_commands_ids_models_and_profiles(
    new_cli: Any, sqlite_server: ServerProcess, shell: str
) -> None:
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell} on this machine")
    cli = new_cli(sqlite_server)
    logged_in(cli, sqlite_server)
    cli.environment["ASKCLI_PROFILE"] = "work"
    logged_in(cli, sqlite_server)
    question_id = json.loads(cli("ask", "--json", "hello").out)["id"]
    assert cli("models").code == 0
    assert {"ask", "history", "config"} <= completed(cli, shell, "askcli", "")
    assert completed(cli, shell, "askcli", "hi") == {"history"}
    assert {"show", "search", "export"} <= completed(cli, shell, "askcli", "history", "")
    assert question_id in completed(cli, shell, "askcli", "history", "show", question_id[:3])
    assert completed(cli, shell, "askcli", "ask", "--retry", "") == {question_id}
    assert "claude-haiku-5-5" in completed(cli, shell, "askcli", "ask", "-m", "")
    assert completed(cli, shell, "askcli", "ask", "--profile", "") == {"work"}
    assert {"--rejoin", "--retry"} == completed(cli, shell, "askcli", "ask", "--re")
    formats = completed(cli, shell, "askcli", "history", "export", "--format", "")
    assert formats == {"json", "jsonl", "csv", "markdown"}
    del cli.environment["ASKCLI_PROFILE"]
    assert cli("logout").code == 0
    assert question_id not in completed(cli, shell, "askcli", "ask", "--retry", "")


def test_what_a_server_names_is_never_run(new_cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cli = new_cli()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cli.home / ".cache"))
    evil = ["$(touch owned)", "`touch owned`", "a b", "-x", "x;touch owned", "\x1b[2J", "good:7b"]
    completion_cache.models(evil)
    assert (cli.home / ".cache/askcli/completion/models").read_text() == "good:7b\n"
    # And not even if it stood in the file.
    (cli.home / ".cache/askcli/completion/models").write_text("\n".join(evil) + "\n")
    assert "$(touch owned)" in completed(cli, "bash", "askcli", "ask", "-m", "")
    assert not (cli.home / "owned").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_one(sqlite_cli: Cli, shell: str) -> None:
    done = sqlite_cli("completion", shell)
    assert done.code == 0
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=done.out, text=True, check=True)
    assert sqlite_cli("completion", "tcsh").code == 2


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_every_view_at_every_width_with_and_without_colour(sqlite_cli: Cli, columns: int) -> None:
    asked = "why is the sky blue and the evening red, 漢字 " * 3
    question_id = json.loads(sqlite_cli("ask", "--json", asked).out)["id"]
    views = (
        ("ask", "--help"),
        ("history",),
        ("history", "search", "sky"),
        ("history", "show", question_id),
        ("usage",),
        ("status",),
    )
    for view in views:
        plain = dict(sqlite_cli.environment)
        shown = {}
        for name, more in (("colour", {}), ("none", {"NO_COLOR": "1"}), ("dumb", {"TERM": "dumb"})):
            sqlite_cli.environment = plain | more
            terminal = sqlite_cli.terminal(*view, columns=columns, rows=200)
            written = terminal.read()
            terminal.wait()
            assert terminal.exitstatus == 0, (view, name)
            if name != "colour":
                assert not re.search(r"\x1b\[[0-9;]*(?:3[0-8]|4[0-8]|9[0-7])[0-9;]*m", written), (
                    view
                )
            if name == "dumb":
                assert "\x1b" not in written, view
            # The moment and how long it took are other ones each time.
            told = re.sub(r"latency ms.*|token life.*", "", "\n".join(lines(written, columns, 200)))
            shown[name] = re.sub(r"[─╭╮╰╯│\s-]", "", told)
        sqlite_cli.environment = plain
        assert shown["colour"] == shown["none"], view
