"""What a server asks of its database: units of work, statements and commits."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from askcli.server.bootstrap import Services


class Units:
    """Counts them, from its making on."""

    def __init__(self, services: Services) -> None:
        self.statements: list[str] = []
        self.number = self.commits = 0
        self._run_unit = services.database._run_unit
        services.database._run_unit = self._count  # type: ignore[method-assign]
        engine = services.database.engine
        event.listen(engine, "before_cursor_execute", self._note)
        event.listen(engine, "commit", self._note_commit)

    def counts(self) -> tuple[int, int, int]:
        """Return the units, the statements and the commits, and begin anew."""
        counts = self.number, len(self.statements), self.commits
        self.number = self.commits = 0
        self.statements.clear()
        return counts

    async def _count(self, *args: Any) -> Any:
        self.number += 1
        return await self._run_unit(*args)

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE")):
            self.statements.append(statement)

    def _note_commit(self, _: Any) -> None:
        self.commits += 1
