"""A real model on this machine, from the first question to the file of one's own."""

from __future__ import annotations

from pathlib import Path

from tests.support.cli import Cli, Done, NewCli
from tests.support.people import logged_in
from tests.support.processes import ServerProcess
from tests.support.screen import lines
from tests.support.waiting import eventually


def answered(cli: Cli, question: str) -> Done:
    """Ask until there is a whole answer; returns the first one, as far as it came.

    So small a model may go on until its length limit, which takes minutes beside other load where
    it is the default one of 2,048 tokens, and nothing else may go wrong.
    """
    tries: list[Done] = []
    while not tries or tries[-1].code != 0:
        assert len(tries) < 8, tries
        tries.append(cli("ask", "--max-tokens", "200", question))
        assert tries[-1].out.strip(), tries
        assert tries[-1].code == 0 or "length limit" in tries[-1].err, tries
    return tries[0]


def test_a_real_model_is_pulled_once_and_answers(new_cli: NewCli) -> None:
    cli = new_cli(ASKCLI_LOCAL_MODEL="smollm2-135m")
    warnings = cli.environment.pop("PYTHONWARNINGS")  # pip does not stand errors for them
    first = answered(cli, "What is the capital of France?")
    cli.environment["PYTHONWARNINGS"] = warnings
    for words in ("98 MB", "Apache-2.0", "ANTHROPIC_API_KEY"):
        assert words in first.err
    again = cli("ask", "--json", "--max-tokens", "5", "Say something.")
    notice, error = again.err.splitlines()  # nothing was fetched
    assert "a model on this machine answers (smollm2-135m)" in notice
    assert error.startswith('{"error"')  # cut off at five tokens
    quiet = cli("ask", "-q", "--json", "--max-tokens", "5", "Say something.")
    assert quiet.err.startswith('{"error"')
    output = cli("history", "list", "--json").out
    assert '"model": "smollm2-135m"' in output
    assert "* smollm2-135m" in cli("models").out
    own = cli.home / ".local/share/askcli/models/SmolLM2-135M-Instruct.Q4_1.gguf"
    assert cli("models", "pull", "smollm2-135m").out == f"{own}\n"
    assert cli("serve", "--stop").code == 0
    cli.environment["ASKCLI_LOCAL_MODEL"] = str(own)  # any GGUF by its path
    written = cli.terminal("ask", "--max-tokens", "5", "Hello?").read()
    assert "Loading the model…" in written
    assert "Loading" not in "".join(lines(written))
    assert cli("serve", "--stop").code == 0


def test_a_host_without_the_model_is_told_at_the_start_how_to_fetch_it(
    tmp_path: Path, new_cli: NewCli
) -> None:
    """Whoever asks is told that the host must: a model on their own machine is no help."""
    data, own = tmp_path / "the data", {"ASKCLI_LOCAL_MODEL": "smollm2-135m"}
    server = ServerProcess(tmp_path, ASKCLI_DATA_DIR=str(data), ASKCLI_UPSTREAM_ATTEMPTS="1", **own)
    server.database_url = f"sqlite:///{data}/askcli.db"
    command = f"`ASKCLI_DATA_DIR='{data}' askcli models pull smollm2-135m`"
    eventually(lambda: command in "".join(server.log))
    done = logged_in(new_cli(server), server).in_process("ask", "Why?")
    assert (done.code, "this server's host must fetch it" in done.err) == (5, True), done
    assert server.stop() == 0
