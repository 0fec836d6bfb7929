"""A psycopg connection that sends several statements together, and waits once for all of them.

Each wait is a round trip, and a change of threads: while one waits, others hold the interpreter's
lock. So BEGIN goes with a transaction's first statement, what nobody needs a result of goes with
the next one, and the last of it with COMMIT.

It is for `store.prepared`; with cursors the connection is as any other of psycopg's, which has no
way to send more than one statement without looking at the socket after each.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import psycopg.abc
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.generators import fetch_many, send

from askcli.store.database.bounded_connection import BoundedConnection, without_details

# With its isolation level, so that it holds through a pooler of transactions.
BEGIN, COMMIT = "BEGIN ISOLATION LEVEL READ COMMITTED", "COMMIT"

_IDLE, _IN_ERROR = pq.TransactionStatus.IDLE, pq.TransactionStatus.INERROR
_FAILED = pq.ExecStatus.FATAL_ERROR


def _name(text: str) -> bytes:
    """Return a statement's name; whatever connection has prepared it, the name means this text."""
    return b"askcli_" + hashlib.sha256(text.encode()).hexdigest()[:16].encode()


class _Message(NamedTuple):
    """A statement with parameters $1, $2 and so on."""

    text: str
    values: Sequence[Any] = ()


class Answer:
    """The results of a statement, as a cursor has them; there is one unless it ran repeatedly."""

    def __init__(self, results: Sequence[pq.abc.PGresult], values: psycopg.abc.Transformer) -> None:
        self._results, self._values = results, values

    @property
    def rowcount(self) -> int:
        """Number of rows that were changed."""
        return sum(result.command_tuples or 0 for result in self._results)

    @property
    def description(self) -> list[tuple[None, int]]:
        """Of each column its type, at the place where a cursor has it."""
        (result,) = self._results
        return [(None, result.ftype(number)) for number in range(result.nfields)]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows."""
        (result,) = self._results
        self._values.set_pgresult(result)
        return self._values.load_rows(0, result.ntuples, tuple)


class PipelinedConnection(BoundedConnection):
    """Runs statements now, or later: with the next one, a cursor's too, or with COMMIT."""

    def __init__(self, pgconn: pq.abc.PGconn, row_factory: Any = psycopg.rows.tuple_row) -> None:
        super().__init__(pgconn, row_factory)
        self._later: list[_Message] = []
        self._names: dict[str, bytes] = {}  # of prepared statements, by their texts
        self._uses = Counter[str]()
        self._values: psycopg.abc.Transformer = Transformer(self)

    def run(self, text: str, values: Sequence[Any]) -> Answer:
        """Run a statement, after those that wait for it."""
        return self.run_each(text, [values])

    def run_each(self, text: str, rows: Sequence[Sequence[Any]]) -> Answer:
        """Run a statement with the values of each of these rows, at least one."""
        for values in rows:
            self.run_later(text, values)
        return Answer(self._run_all()[-len(rows) :], self._values)

    def run_later(self, text: str, values: Sequence[Any]) -> None:
        """Run a statement with the next one, or with COMMIT; these raise its error."""
        dumped = self._values.dump_sequence(values, [PyFormat.TEXT] * len(values))
        if not (self.autocommit or self._later) and self.pgconn.transaction_status == _IDLE:
            self._later.append(_Message(BEGIN))
        self._later.append(_Message(text, dumped))

    def cursor(self, *args: Any, **keywords: Any) -> Any:
        """Return a cursor, whose statements come after those that wait."""
        if self._later:
            self._run_all()
        return super().cursor(*args, **keywords)

    def commit(self) -> None:
        """Commit, with what waits."""
        if self._later:
            self._later.append(_Message(COMMIT))
            self._run_all()
        else:
            super().commit()

    def rollback(self) -> None:
        """Roll back, without what waits."""
        self._later.clear()
        if self.closed or self.pgconn.transaction_status != _IDLE:
            super().rollback()

    def _deallocate(self, name: bytes | None) -> Any:
        """Deallocate a prepared statement of psycopg's, or all that there are."""
        if name is None:
            self._names.clear()
        return super()._deallocate(name)

    def _run_all(self) -> list[pq.abc.PGresult]:
        """Run all that waits, and return the results of the statements.

        Raises the first error; `is_undone` says that PostgreSQL still holds the transaction, which
        has failed. What a pooler says in the place of results is no such word.
        """
        if self.closed:
            raise psycopg.OperationalError("the connection is closed")
        messages, self._later = self._later, []
        new: dict[str, bytes] = {}
        sent: list[str | None] = []  # for each result that comes, the text that it has prepared
        try:
            with self.lock:
                self.pgconn.enter_pipeline_mode()
                for message in messages:
                    self._send(message, sent, new)
                self.pgconn.pipeline_sync()
                results: list[pq.abc.PGresult] = self.wait(self._results(len(sent)))
                if not self.closed:
                    self.pgconn.exit_pipeline_mode()
        except BaseException:
            self.close()  # what is still to come is unknown
            raise
        return self._checked(results, sent, new)

    def _send(self, message: _Message, sent: list[str | None], new: dict[str, bytes]) -> None:
        """Send a statement, prepared by a new name where it has none."""
        text, values = message
        if not self._is_prepared(text):
            self.pgconn.send_query_params(text.encode(), values)
        else:
            name = self._names.get(text) or new.get(text)
            if name is None:
                name = new[text] = _name(text)
                self.pgconn.send_prepare(name, text.encode())
                sent.append(text)
            self.pgconn.send_query_prepared(name, values)
        sent.append(None)

    def _checked(
        self, results: list[pq.abc.PGresult], sent: list[str | None], new: dict[str, bytes]
    ) -> list[pq.abc.PGresult]:
        """Return the results of statements, and remember what is prepared; or raise an error."""
        done = []
        for text, result in zip(sent, results, strict=False):
            if result.status == _FAILED:
                error = without_details(error_from_result(result))
                is_held = self.pgconn.transaction_status == _IN_ERROR
                error.is_undone = is_held  # type: ignore[attr-defined]
                raise error
            if text is None:
                done.append(result)
            else:
                self._names[text] = new[text]
        return done

    def _is_prepared(self, text: str) -> bool:
        """Whether a statement is to be prepared: by psycopg's rule, none before a pooler."""
        threshold = self.prepare_threshold
        self._uses[text] += 1
        return threshold is not None and self._uses[text] > threshold

    def _results(self, number: int) -> Generator[Any, Any, list[pq.abc.PGresult]]:
        """Return so many results, or fewer where the connection is lost; and come to their end."""
        yield from send(self.pgconn)
        results: list[pq.abc.PGresult] = []
        for _ in range(number):
            results += yield from fetch_many(self.pgconn)
            if self.closed:
                return results
        yield from fetch_many(self.pgconn)
        return results
