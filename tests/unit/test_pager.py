"""The program that pages the output."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from askcli.cli.output.terminal import console, pager
from askcli.errors import Failed, Unreachable


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "is_terminal", lambda: True)
    monkeypatch.setenv("TERM", "xterm")


def lines(count: int, error: Exception | None = None) -> Iterator[str]:
    yield from map(str, range(count))
    if error:
        raise error


def program(directory: Path, script: str) -> str:
    file = directory / "pager"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize("script", ["exit 1", "cat > /dev/null; exit 1", "kill -9 $$"])
@pytest.mark.parametrize("more", ["", "; exit"])
def test_a_pager_that_fails_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, more: str
) -> None:
    variable = program(tmp_path, script) + more
    monkeypatch.setenv("PAGER", variable)
    with pytest.raises(Failed, match=f"PAGER '{variable}' ended with"):
        pager.show(lines(20_000))


@pytest.mark.parametrize("variable", ["tail -n 1 | wc -l", "N=1; tail -n $N", "tail -n $((1)) # 1"])
def test_a_pager_may_be_any_command_of_a_shell(
    variable: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PAGER", variable)
    pager.show(["1"] * 50)
    assert capfd.readouterr() == ("1\n", "")


def test_a_pager_is_told_the_end_of_output_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One that reads to the end would never end."""
    monkeypatch.setenv("PAGER", program(tmp_path, "wc -l; exit 1"))
    with pytest.raises(Unreachable):
        pager.show(lines(50, Unreachable()))
    assert capfd.readouterr().out.strip() == "50"


def test_a_pager_that_has_seen_enough_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGER", program(tmp_path, "exit 0"))
    pager.show(lines(20_000))
