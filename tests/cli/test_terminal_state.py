"""The file of a terminal's last conversations, in which something else stands."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from askcli.cli.input import last_conversation
from askcli.services.clock import new_id
from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.soak import SOAK

CONTENTS = ["[" * 100_000, "[]", "{", "{ACCOUNT: {}}", '{ACCOUNT: {"id": "x", "question": []}}']
CONTENTS += ["null", '"x"', "7", '{"a": 1}', "{ACCOUNT: []}"]
CONTENTS += ['{ACCOUNT: {"id": 7, "question": "q"}}']


@pytest.mark.parametrize("content", CONTENTS)
def test_a_terminal_whose_file_is_none_has_no_conversation_yet(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_conversation, "_name", lambda: "name")
    (tmp_path / "terminals").mkdir(mode=0o700)
    (tmp_path / "terminals/name.json").write_text(content.replace("ACCOUNT", '"account"'))
    terminal = last_conversation.Terminal(tmp_path, lambda: "account")
    assert terminal.last() is None
    terminal.remember(id_ := str(new_id()), "what?")
    assert terminal.last() == last_conversation.Conversation(id_, "what?")


# Each starts five interpreters.
@pytest.mark.parametrize("content", CONTENTS if SOAK else CONTENTS[:1])
def test_a_state_file_that_is_none_counts_as_absent(
    sqlite_cli: Cli, fake: FakeAnthropic, content: str
) -> None:
    marker = uuid4().hex
    (sqlite_cli.home / "content").write_text(content)
    files = "$HOME/.local/state/askcli/terminals/*"
    spoil = (
        f'account=$(grep -o \'"[^"]*"\' $(ls {files}) | head -1);'
        f'sed "s|ACCOUNT|$account|" content > new; cp new {files}'
    )
    script = (
        f"askcli ask -q {marker}; {spoil}; askcli ask -q -c {marker}; echo code $?;"
        f"{spoil}; askcli ask -q {marker} last; echo code $?; askcli ask -q -c {marker}; "
        "echo code $?"
    )
    written = sqlite_cli.terminal_shell(script, columns=200).read()
    assert "unexpected" not in written
    assert written.count("code 2") == 1, written  # no question was asked in this terminal yet
    assert written.count("code 0") == 2, written
    assert fake.asked(marker)[-1]["messages"][0]["content"] == f"{marker} last"
