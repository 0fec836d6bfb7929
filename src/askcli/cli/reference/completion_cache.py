"""What shells complete with: ids, models and profiles, a line each, for a shell to read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import platformdirs

from askcli.cli.output import console
from askcli.contract import Question
from askcli.errors import Failed
from askcli.files import private_directory, write_private

MOST_IDS = 200

# A name from a server stands on a command line when it is completed: nothing else does.
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]*", re.ASCII)


def models(names: Iterable[str]) -> None:
    """These are the models."""
    _write("models", [name for name in names if _SAFE.fullmatch(name)])


def profiles(names: Iterable[str]) -> None:
    """These are the profiles."""
    _write("profiles", [name for name in names if _SAFE.fullmatch(name)])


def questions(found: Sequence[Question]) -> None:
    """These questions are the newest, or among them."""
    lines = {question["id"]: _described(question) for question in found}
    known = {line.partition("\t")[0]: line for line in _read("ids")}
    newest_first = sorted((known | lines).items(), reverse=True)  # ids are in the order of time
    _write("ids", [line for _, line in newest_first[:MOST_IDS]])


def forget_questions(ids: Iterable[str] | None = None) -> None:
    """These are gone; all of them, when nobody is logged in any more."""
    gone = None if ids is None else set(ids)
    kept = [line for line in _read("ids") if gone and line.partition("\t")[0] not in gone]
    _write("ids", kept)


def _described(question: Question) -> str:
    said = " ".join(console.harmless(question["question"]).split())
    return f"{question['id']}\t{said[:60]}"


def _path(name: str) -> Path:
    return Path(platformdirs.user_cache_dir("askcli")) / "completion" / name


def _read(name: str) -> list[str]:
    with suppress(OSError, UnicodeDecodeError):
        return _path(name).read_text(encoding="utf-8").splitlines()
    return []


def _write(name: str, lines: Iterable[str]) -> None:
    path = _path(name)
    # Only what a key press shows is at stake: no command fails for it.
    with suppress(OSError, Failed):
        private_directory(path.parent)
        write_private(path, "".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
