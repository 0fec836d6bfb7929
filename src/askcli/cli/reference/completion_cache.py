"""Files that shell completion reads: ids, models and profiles, one a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import platformdirs

from askcli.cli.output import console
from askcli.contract.shapes import Question
from askcli.errors import Failed
from askcli.files import private_directory, read, write_private

MOST_IDS = 200

# Only such names are completed: a name from a server becomes part of a command line.
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]*", re.ASCII)


def models(names: Iterable[str]) -> None:
    """Save the names of the models."""
    _write("models", [name for name in names if _SAFE.fullmatch(name)])


def profiles(names: Iterable[str]) -> None:
    """Save the names of the profiles."""
    _write("profiles", [name for name in names if _SAFE.fullmatch(name)])


def questions(recent: Sequence[Question]) -> None:
    """Add recent questions."""
    lines = {question["id"]: _described(question) for question in recent}
    saved = {line.partition("\t")[0]: line for line in _read("ids")}
    newest_first = sorted((saved | lines).items(), reverse=True)  # ids sort by time
    _write("ids", [line for _, line in newest_first[:MOST_IDS]])


def forget_questions(ids: Iterable[str] | None = None) -> None:
    """Remove deleted questions, or all of them after a logout."""
    deleted = None if ids is None else set(ids)
    remaining = [
        line for line in _read("ids") if deleted and line.partition("\t")[0] not in deleted
    ]
    _write("ids", remaining)


def _described(question: Question) -> str:
    text = " ".join(console.visible(question["question"]).split())
    return f"{question['id']}\t{text[:60]}"


def _path(name: str) -> Path:
    """Return the path of a file. Raises RuntimeError for a user without a home directory."""
    return Path(platformdirs.user_cache_dir("askcli")) / "completion" / name


def _read(name: str) -> list[str]:
    with suppress(OSError, UnicodeDecodeError, RuntimeError):
        return read(_path(name)).decode("utf-8").splitlines()
    return []


def _write(name: str, lines: Iterable[str]) -> None:
    # Completion is a convenience: no command fails for it.
    with suppress(OSError, Failed, RuntimeError):
        path = _path(name)
        private_directory(path.parent)
        content = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
        write_private(path, content, synced=False)
