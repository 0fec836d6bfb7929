"""Completion in the shells: commands, ids, models and profiles, and nothing that runs."""

from __future__ import annotations

import json
import shutil
import subprocess

import platformdirs
import pytest
from platformdirs.macos import MacOS

from askcli.cli.reference import completion_cache
from tests.support.cli import Cli, NewCli
from tests.support.people import logged_in
from tests.support.processes import ServerProcess

SHELLS = {
    "bash": """
        source {script}
        complete_() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _askcli 2> /dev/null
                       printf '%s\\n' "${{COMPREPLY[@]}}"; }}
        {calls}""",
    "fish": "source {script}; {calls}",
    "zsh": """
        zmodload zsh/zpty
        zpty terminal zsh -i
        zpty -n -w terminal {calls}$'\\t'
        zpty -r terminal screen "*END*"
        cat offered; rm offered""",
}
# A terminal's zsh, in which what a Tab offers goes to a file.
ZSHRC = """
autoload -Uz compinit; compinit -C
source ~/completion.zsh
compadd() { local -a found; builtin compadd -A found "$@"; print -rl -- $found >> ~/offered }
offer() { touch ~/offered; _main_complete; print END }
zle -C offer complete-word offer; bindkey '^I' offer
"""


def completed(cli: Cli, shell: str, *words: str) -> set[str]:
    """What a shell offers for the last of these words."""
    path = cli.home / f"completion.{shell}"
    if not path.exists():
        path.write_text(cli.in_process("completion", shell).out)
    (cli.home / ".zshrc").write_text(ZSHRC)
    calls = {
        "bash": "complete_ " + " ".join(f"'{word}'" for word in words),
        "fish": f"complete -C '{' '.join(words)}'",
        "zsh": f"'{' '.join(words)}'",
    }[shell]
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


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_offers_commands_ids_models_and_profiles(
    new_cli: NewCli, sqlite_server: ServerProcess, shell: str
) -> None:
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell} on this machine")
    cli = new_cli(sqlite_server)
    logged_in(cli, sqlite_server)
    cli.environment["ASKCLI_PROFILE"] = "work"
    logged_in(cli, sqlite_server)
    question = json.loads(cli.in_process("ask", "--json", "hello").out)
    question_id, conversation_id = question["id"], question["conversation_id"]
    assert cli.in_process("models").code == 0
    assert {"ask", "history", "config"} <= completed(cli, shell, "askcli", "")
    assert completed(cli, shell, "askcli", "hi") == {"history"}
    assert {"show", "search", "export"} <= completed(cli, shell, "askcli", "history", "")
    shown = completed(cli, shell, "askcli", "history", "show", "")
    assert question_id in shown
    assert not {"list", "--limit"} & shown  # these are of the command above it
    assert completed(cli, shell, "askcli", "ask", "--retry", "") == {question_id}
    assert completed(cli, shell, "askcli", "ask", "--conversation", "") == {conversation_id}
    if shell != "fish":  # there, an option has a value or has none
        assert completed(cli, shell, "askcli", "ask", "--retry", "--mod") == {"--model"}
    assert "claude-haiku-5-5" in completed(cli, shell, "askcli", "ask", "-m", "")
    assert completed(cli, shell, "askcli", "ask", "--profile", "") == {"work"}
    joined = ["--profile", "=", "w"] if shell == "bash" else ["--profile=w"]  # as bash splits it
    assert {"work", "--profile=work"} & completed(cli, shell, "askcli", "ask", *joined)
    assert {"--rejoin", "--retry"} == completed(cli, shell, "askcli", "ask", "--re")
    formats = completed(cli, shell, "askcli", "history", "export", "--format", "")
    assert formats == {"json", "jsonl", "csv", "markdown"}
    formats = completed(cli, shell, "askcli", "conversations", "export", "--format", "")
    assert formats == {"json", "html", "markdown"}
    assert "smollm2-135m" in completed(cli, shell, "askcli", "models", "pull", "smol")
    assert completed(cli, shell, "askcli", "config", "set", "serv") == {"server"}
    assert {"bash", "zsh", "fish"} <= completed(cli, shell, "askcli", "completion", "")
    assert {"ask", "history", "exit-codes"} <= completed(cli, shell, "askcli", "help", "")
    assert completed(cli, shell, "askcli", "help", "history", "s") == {"search", "show"}
    assert completed(cli, shell, "askcli", "help", "times", "s") == set()
    (cli.home / "rows.jsonl").touch()
    assert "rows.jsonl" not in completed(cli, shell, "askcli", "whoami", "")
    if shell != "bash":  # bash itself offers files where the script offers nothing
        assert "rows.jsonl" in completed(cli, shell, "askcli", "batch", "ro")
    else:
        assert completed(cli, shell, "askcli", "batch", "") == set()
        assert completed(cli, shell, "askcli", "history", "import", "") == set()
    del cli.environment["ASKCLI_PROFILE"]
    assert cli.in_process("logout").code == 0
    assert question_id not in completed(cli, shell, "askcli", "ask", "--retry", "")


def test_bash_lists_ids_with_their_questions_first_words(new_cli: NewCli) -> None:
    cli = new_cli()
    cache = cli.home / ".cache/askcli/completion/ids"
    cache.parent.mkdir(parents=True)
    cache.write_text("0a1\twhy is it\n0a2\thow is it\n")
    path = cli.home / "completion.bash"
    path.write_text(cli.in_process("completion", "bash").out)
    script = (
        f"source {path}; COMP_WORDS=(askcli ask --retry 0a); COMP_CWORD=3; COMP_TYPE={{}};"
        "_askcli; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    offered = {key: cli.shell(script.format(key)).out.splitlines() for key in (ord("\t"), ord("?"))}
    assert offered == {9: ["0a1", "0a2"], 63: ["0a1  why is it", "0a2  how is it"]}


def test_ids_are_completed_on_macos_too(sqlite_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    sqlite_cli.environment["ASKCLI_CONFIG_DIR"] = str(sqlite_cli.home / ".config/askcli")
    monkeypatch.setattr(platformdirs, "PlatformDirs", MacOS)
    id_ = json.loads(sqlite_cli.in_process("ask", "--json", "hello").out)["id"]
    assert completed(sqlite_cli, "bash", "askcli", "history", "show", "0") == {id_}


def test_what_a_server_names_is_never_run(new_cli: NewCli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli = new_cli()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cli.home / ".cache"))
    evil = ["$(touch owned)", "`touch owned`", "a b", "-x", "x;touch owned", "\x1b[2J", "good:7b"]
    completion_cache.models(evil)
    assert (cli.home / ".cache/askcli/completion/models").read_text() == "good:7b\n"
    # And not even if it stood in the file.
    (cli.home / ".cache/askcli/completion/models").write_text("\n".join(evil) + "\n")
    assert "$(touch owned)" in completed(cli, "bash", "askcli", "ask", "-m", "")
    assert not (cli.home / "owned").exists()
    for word in ("", "7"):  # bash splits the name at its colon, and inserts what follows it
        assert completed(cli, "bash", "askcli", "ask", "-m", "good", ":", word) == {"7b"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_one(sqlite_cli: Cli, shell: str) -> None:
    done = sqlite_cli.in_process("completion", shell)
    assert done.code == 0
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=done.out, text=True, check=True)
    assert sqlite_cli.in_process("completion", "tcsh").code == 2
