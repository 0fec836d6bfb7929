"""Files that shell completion reads: ids, models and profiles, one a line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Literal

from platformdirs.unix import Unix

from askcli.cli.output.terminal import console
from askcli.contract.shapes import Question
from askcli.errors import Failed
from askcli.files import private_directory, read, write_private

MOST_IDS = 200

_Field = Literal["id", "conversation_id"]
# The files with ids, and the field of a question that is in each.
_FIELDS: dict[str, _Field] = {"ids": "id", "conversations": "conversation_id"}

# Only such names are completed: a name from a server becomes part of a command line.
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]*", re.ASCII)


def models(names: Iterable[str]) -> None:
    """Save the names of the models."""
    _write("models", [name for name in names if _SAFE.fullmatch(name)])


def known_models() -> list[str]:
    """Return the names of the models that were listed last."""
    return [name for name in _read("models") if _SAFE.fullmatch(name)]


def profiles(names: Iterable[str]) -> None:
    """Save the names of the profiles."""
    _write("profiles", [name for name in names if _SAFE.fullmatch(name)])


def questions(recent: Sequence[Question]) -> None:
    """Add recent questions, and their conversations under the last question in each."""
    oldest_first = sorted(recent, key=itemgetter("id"))
    for name, field in _FIELDS.items():
        lines = {question[field]: _described(question, field) for question in oldest_first}
        saved = {line.partition("\t")[0]: line for line in _read(name)}
        newest_first = sorted((saved | lines).items(), reverse=True)  # ids sort by time
        _write(name, [line for _, line in newest_first[:MOST_IDS]])


def forget_conversations(deleted: Collection[str]) -> None:
    """Remove conversations, and all ids of questions: which were in them is not known."""
    _write("ids", [])
    kept = [line for line in _read("conversations") if line.partition("\t")[0] not in deleted]
    _write("conversations", kept)


def forget_questions(deleted: Collection[Question] | None = None) -> None:
    """Remove deleted questions and their conversations, or all of them after a logout."""
    for name, field in _FIELDS.items():
        ids = {question[field] for question in deleted or ()}
        lines = _read(name) if deleted is not None else []
        _write(name, [line for line in lines if line.partition("\t")[0] not in ids])


def _described(question: Question, field: _Field) -> str:
    text = console.one_line(question["question"])
    return f"{question[field]}\t{text[:60]}"


def _path(name: str) -> Path:
    """Return the path of a file, where the scripts look for it: on macOS, too, in ~/.cache.

    Raises RuntimeError for a user without a home directory.
    """
    return Unix("askcli").user_cache_path / "completion" / name


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
