"""Statements compiled for one dialect, and run by its driver: see `store.prepared`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import (
    ClauseElement,
    Connection,
    Delete,
    Dialect,
    Insert,
    Select,
    TextClause,
    Update,
)
from sqlalchemy.sql.dml import ReturningInsert

Row = tuple[Any, ...]
Change = Insert | Update | Delete | TextClause
Query = Select[Any] | ReturningInsert[Any]
_Convert = Callable[[Any], Any]
T = TypeVar("T")
_Statement = TypeVar("_Statement", bound=ClauseElement)


class _Methods(NamedTuple):
    """Methods of a driver's connection, that execute a statement with its parameters."""

    now: str
    each: str  # with a list of parameters
    later: str


_METHODS = {
    "sqlite": _Methods("execute", "executemany", "execute"),
    "postgresql": _Methods("run", "run_each", "run_later"),  # of `database.pipelined_connection`
}


class Compiled(Generic[_Statement]):
    """A statement for one dialect and some columns: its text, its parameters' conversions."""

    def __init__(
        self, statement: _Statement, dialect: Dialect, columns: list[str] | None = None
    ) -> None:
        self._methods = _METHODS[dialect.name]
        if dialect.name == "postgresql":  # with its own parameters: $1, $2 and so on
            own: Any = type(dialect)
            dialect = own(paramstyle="numeric_dollar")
        compiled: Any = statement.compile(dialect=dialect, column_keys=columns)
        binds: Mapping[str, Any] = compiled.binds
        assert not any(bind.expanding for bind in binds.values())
        assert not getattr(compiled, "prefetch", ()), "values of columns that Python makes"
        self.statement = statement
        self._text = str(compiled)
        self._in_order = _in_order(compiled.positiontup)
        self._constants = {name: bind.value for name, bind in binds.items() if not bind.required}
        self._convert: dict[str, _Convert] = {
            name: convert
            for name, bind in binds.items()
            if (convert := bind.type.dialect_impl(dialect).bind_processor(dialect))
        }

    def run(self, connection: Connection, values: Mapping[str, Any], take: Callable[[Any], T]) -> T:
        """Run it, and return what is taken from the driver's cursor."""
        return self._run(connection, self._methods.now, self._parameters(values), take)

    def run_each(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it with the parameters of each of these rows."""
        self._run(connection, self._methods.each, [self._parameters(row) for row in rows], bool)

    def run_later(self, connection: Connection, values: Mapping[str, Any]) -> None:
        """Run it, with the next statement if that can be."""
        self._run(connection, self._methods.later, self._parameters(values), bool)

    def _run(
        self, connection: Connection, method: str, parameters: Any, take: Callable[[Any], T]
    ) -> T:
        """Run it by a method of the driver's connection, as SQLAlchemy would."""
        driver, is_many = connection.connection.dbapi_connection, method == self._methods.each
        events = _events(connection)
        for note in events.before_cursor_execute:
            note(connection, None, self._text, parameters, None, is_many)
        try:
            cursor = getattr(driver, method)(self._text, parameters)
            for note in events.after_cursor_execute if cursor else ():
                note(connection, cursor, self._text, parameters, None, is_many)
            return take(cursor)
        except connection.dialect.loaded_dbapi.Error as error:
            # As after SQLAlchemy's own: a connection that is lost leaves the pool.
            connection._handle_dbapi_exception(error, self._text, parameters, None, None)

    def _parameters(self, values: Mapping[str, Any]) -> Sequence[Any]:
        """Return the parameters in the order in which the driver takes them."""
        given = {**self._constants, **values}
        for name, convert in self._convert.items():
            given[name] = convert(given[name])
        return self._in_order(given)


class CompiledQuery(Compiled[Query]):
    """The same of a query, and the conversions of its results."""

    def __init__(self, query: Query, dialect: Dialect) -> None:
        super().__init__(query, dialect)
        self.columns = [str(column.key) for column in query.exported_columns]
        self._convert_results: Sequence[tuple[int, _Convert]] | None = None

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Row]:
        """Run it and return all rows."""
        rows, description = self.run(connection, values, _rows)
        if self._convert_results is None:
            self._convert_results = self._conversions(description, connection.dialect)
        if self._convert_results:
            return [_converted(row, self._convert_results) for row in rows]
        return rows

    def _conversions(
        self, described: Sequence[Sequence[Any]], dialect: Dialect
    ) -> Sequence[tuple[int, _Convert]]:
        """Return the conversions of columns, by their positions; few need one."""
        types = [column.type for column in self.statement.exported_columns]
        processors = (
            type_.dialect_impl(dialect).result_processor(dialect, column[1])
            for type_, column in zip(types, described, strict=True)
        )
        return [(number, convert) for number, convert in enumerate(processors) if convert]


def _in_order(names: Sequence[str]) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    """Return what takes the values of these names from a mapping."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda given: tuple(given[name] for name in names)


def _events(connection: Connection) -> Any:
    """Return the dispatcher of the connection's own events, or else of its engine's.

    The store's engines are one with other options: to join its events with those that they do not
    have takes longer than a short statement.
    """
    if connection._has_events:
        return connection.dispatch
    engine: Any = connection.engine
    return getattr(engine, "_proxied", engine).dispatch


def _rows(cursor: Any) -> tuple[Sequence[Row], Sequence[Sequence[Any]]]:
    return cursor.fetchall(), cursor.description


def _converted(row: Row, conversions: Sequence[tuple[int, _Convert]]) -> Row:
    values = list(row)
    for number, convert in conversions:
        values[number] = convert(values[number])
    return tuple(values)
