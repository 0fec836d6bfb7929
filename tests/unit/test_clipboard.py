"""What copies a text to the clipboard, by the machine and the terminal."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from askcli.cli.output import clipboard
from askcli.errors import Failed

LOCAL = {"DISPLAY": ":0"}
REMOTE = LOCAL | {"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory, the only one on PATH, in which each program keeps what it was given."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name, code in (("xclip", 0), ("tmux", 0), ("wl-copy", 1), ("clip.exe", 0)):
        program = directory / name
        program.write_text(f'#!/bin/sh\n/bin/cat > "$0.{name}"\nexit {code}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f".:{directory}")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "TMUX", "STY", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    return directory


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        (LOCAL, "xclip"),
        (LOCAL | {"WAYLAND_DISPLAY": "0"}, "xclip"),  # the first one fails
        (REMOTE | {"TMUX": "/tmp/tmux,1,0"}, "tmux"),
    ],
)
def test_a_program_of_the_users_own_screen_copies(
    programs: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    assert clipboard.copy("naïve\n\x1b[201~rm\r\n") == f"by {name}"
    assert (programs / f"{name}.{name}").read_text() == "naïve\n␛[201~rm\n"


def test_windows_gets_its_own_encoding(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSL_DISTRO_NAME", "Ubuntu")
    assert clipboard.copy("文") == "by clip.exe"
    assert (programs / "clip.exe.clip.exe").read_bytes() == "文".encode("utf-16-le")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> int:
    """A pipe in the place of the terminal; returns its end to read."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(clipboard, "_terminal", lambda: writing)
    return reading


def test_the_terminal_copies_where_no_program_can(
    programs: Path, monkeypatch: pytest.MonkeyPatch, terminal: int
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", REMOTE["SSH_CONNECTION"])
    assert "OSC 52" in clipboard.copy("naïve")
    assert os.read(terminal, 1000) == b"\x1b]52;c;" + base64.b64encode("naïve".encode()) + b"\x07"
    os.close(terminal)
    with pytest.raises(Failed, match="74,994 bytes"):
        clipboard.copy("x" * 74_995)


def test_screen_passes_the_sequence_on_in_pieces(
    programs: Path, monkeypatch: pytest.MonkeyPatch, terminal: int
) -> None:
    monkeypatch.setenv("STY", "1.tty")
    clipboard.copy("x" * 3000)
    written = os.read(terminal, 10_000).decode()
    os.close(terminal)
    pieces = written.removeprefix("\x1bP").removesuffix("\x1b\\").split("\x1b\\\x1bP")
    assert max(map(len, pieces)) <= 512
    assert "".join(pieces) == f"\x1b]52;c;{base64.b64encode(b'x' * 3000).decode()}\x07"


def test_without_a_terminal_nothing_is_copied(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with pytest.raises(Failed, match="nothing was copied"):
        clipboard.copy("text")
