"""Which program a file is of, and its questions."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from askcli.cli.commands.history.importing.items import Item
from askcli.errors import Failed, Misused
from askcli.files import NO_SPACE

_SQLITE = b"SQLite format 3\0"
# A row with more has no text that is imported.
_MOST_BYTES = 64 * 2**20
_STEPS = 100_000  # of SQLite's machine: some milliseconds
# A view, and a table with columns that are computed, is a program, which may never end.
_PROGRAMS = """SELECT m.name FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS c
    WHERE lower(m.name) IN ('conversations', 'responses', 'threads', 'turns', 'messages', 'parts',
        'fragments', 'prompt_fragments', 'system_fragments')
    AND m.type IN ('table', 'view') AND (m.type = 'view' OR c.hidden) LIMIT 1"""


class Kind(StrEnum):
    """The kinds of sources."""

    LLM = "llm"
    MODS = "mods"
    JSONL = "jsonl"


class Source(Protocol):
    """Questions of another program."""

    def count(self) -> int:
        """Return the number of questions."""
        ...

    def items(self) -> Iterator[Item]:
        """Yield the questions, few of them in memory."""
        ...


@contextmanager
def opened(path: Path, kind: Kind | None, left_out: Counter[str]) -> Iterator[Source]:
    """Open the questions of a file, or of the directory in which the program keeps it.

    What cannot be imported is counted in `left_out`. Raises Misused for a file of none, Failed
    without room for a copy of a database or a pipe.
    """
    with _errors_of(path), _seekable(_file(path)) as file:
        with file.open("rb") as begun:
            is_sqlite = begun.read(len(_SQLITE)) == _SQLITE
        if not is_sqlite:
            if kind not in (None, Kind.JSONL):
                raise Misused(f"{path} is no database of {kind}.")
            from askcli.cli.commands.history.importing.lines import Lines

            yield Lines(file, path, left_out)
            return
        if not _file(path).is_file():  # mods has files beside it, and llm a log
            raise Misused(f"{path} is a pipe: name the file of the database.")
        with _copied(file) as connection:
            _check_tables(connection, file)
            yield _of_database(connection, file, kind, left_out)


@contextmanager
def _seekable(file: Path) -> Iterator[Path]:
    """Yield the file, or a copy of a pipe: it is read more than once."""
    with file.open("rb") as given:
        if given.seekable():
            yield file
            return
        with tempfile.NamedTemporaryFile() as copy:
            shutil.copyfileobj(given, copy)
            copy.flush()
            yield Path(copy.name)


@contextmanager
def _errors_of(file: Path) -> Iterator[None]:
    """Raise Misused or Failed where the file cannot be read, KeyboardInterrupt at a Ctrl-C."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from None
        if _is_without_room(error):
            raise Failed(
                f"there is no room for a copy of {file}, which is imported: make some, or name "
                "another directory for temporary files with TMPDIR."
            ) from None
        raise Misused(f"cannot read {file}: {getattr(error, 'strerror', None) or error}.") from None


def _is_without_room(error: Exception) -> bool:
    """Whether there was no room for the copy: what is imported is only read."""
    is_full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return is_full or getattr(error, "errno", None) in NO_SPACE


def _file(path: Path) -> Path:
    if not path.is_dir():
        return path
    names = ("logs.db", "mods.db", "conversations/mods.db")
    file = next((path / name for name in names if (path / name).is_file()), None)
    if file is None:
        raise Misused(f"there is no {' or '.join(names[:2])} in {path}.")
    return file


@contextmanager
def _copied(file: Path) -> Iterator[sqlite3.Connection]:
    """Yield a copy of a database that another program may have open: one state of it.

    SQLite lets nobody write while a query is read on, and a server may keep the import waiting.
    """
    uri = f"file:{quote(str(file.absolute()))}?mode=ro"
    # The copy is a file that is gone when it is closed.
    with closing(sqlite3.connect("")) as copy:
        with closing(sqlite3.connect(uri, uri=True, timeout=10)) as source:
            source.execute("BEGIN")
            # This waits for a lock with the time-out, `backup` without an end.
            source.execute("SELECT 1 FROM sqlite_master").fetchone()
            source.backup(copy)
        copy.row_factory = sqlite3.Row
        copy.text_factory = lambda text: text.decode("utf-8", "replace")
        copy.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES)
        # Python runs the handler of a Ctrl-C within it, and SQLite then ends the query.
        copy.set_progress_handler(lambda: 0, _STEPS)
        copy.execute("PRAGMA trusted_schema = OFF")
        copy.execute("PRAGMA query_only = ON")
        yield copy


def _check_tables(connection: sqlite3.Connection, file: Path) -> None:
    """Raise Misused where what is read is no table of values."""
    if row := connection.execute(_PROGRAMS).fetchone():
        raise Misused(f"{file}: {row['name']} is no table as llm and mods make them.")


def _of_database(
    connection: sqlite3.Connection, file: Path, kind: Kind | None, left_out: Counter[str]
) -> Source:
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    tables = {row["name"] for row in connection.execute(query)}
    if kind in (None, Kind.LLM) and {"responses", "conversations"} <= tables:
        from askcli.cli.commands.history.importing.llm_database import LlmDatabase

        return LlmDatabase(connection, tables)
    if kind in (None, Kind.MODS) and "conversations" in tables:
        from askcli.cli.commands.history.importing.mods_database import ModsDatabase

        return ModsDatabase(connection, file, left_out)
    raise Misused(f"{file} is no database of {kind or 'llm or mods'}.")
