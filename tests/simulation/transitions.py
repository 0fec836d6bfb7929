"""State machines of the product's rows: which steps nights have taken, and which they never took.

Triggers of the database note each step, within the transaction that takes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

NONE = "(none)"  # before a row is inserted, and once it is deleted

Step = tuple[str, str]


@dataclass(frozen=True)
class Machine:
    """A state machine: the rows of a table, whose state an SQL expression of `row` tells."""

    name: str
    table: str
    state: str
    steps: frozenset[Step]  # that the product can take

    @property
    def states(self) -> set[str]:
        """All states that a row can be in."""
        return {state for step in self.steps for state in step} - {NONE}


def _steps(*lines: str) -> frozenset[Step]:
    """The steps of lines such as `a b -> c d`, from each of the first to each of the second."""
    sides = (line.split(" -> ") for line in lines)
    return frozenset(step for was, became in sides for step in product(was.split(), became.split()))


MACHINES = (
    Machine(
        "run",
        "questions",
        "CASE WHEN row.status <> 'answering' THEN row.status"
        " WHEN row.is_queued THEN 'queued' ELSE 'answering' END",
        _steps(
            f"{NONE} failed interrupted -> queued answering",
            "queued -> answering",
            "queued answering -> failed interrupted cancelled",
            "answering -> answered",
            f"queued answering answered failed interrupted cancelled -> {NONE}",
        ),
    ),
    Machine(
        "session",
        "sessions",
        "CASE WHEN row.ended_at IS NULL THEN 'live' ELSE 'ended' END",
        _steps(f"{NONE} -> live", "live -> ended", f"live ended -> {NONE}"),
    ),
    Machine(
        "refresh token",
        "refresh_tokens",
        "CASE WHEN row.superseded_at IS NOT NULL THEN 'superseded'"
        " WHEN row.used_at IS NOT NULL THEN 'used' ELSE 'unused' END",
        _steps(
            f"{NONE} -> unused", "unused -> used superseded", f"unused used superseded -> {NONE}"
        ),
    ),
)

NOTES = "CREATE TABLE transitions (machine text, was text, became text)"
# All steps that were noted.
COUNTS = "SELECT machine, was, became, count(*) AS n FROM transitions GROUP BY machine, was, became"


def sqlite_triggers(machine: Machine) -> Iterator[str]:
    """Yield the statements that let SQLite note the steps of a machine."""
    was, became = (machine.state.replace("row.", f"{row}.") for row in ("OLD", "NEW"))
    name = machine.name.replace(" ", "_")
    for what, before, after, condition in (
        ("INSERT", f"'{NONE}'", became, ""),
        ("UPDATE", was, became, f"WHEN {was} <> {became}"),
        ("DELETE", was, f"'{NONE}'", ""),
    ):
        yield (
            f"CREATE TRIGGER note_{name}_{what} AFTER {what} ON {machine.table} {condition} "
            f"BEGIN INSERT INTO transitions VALUES ('{machine.name}', {before}, {after}); END"
        )


def postgresql_triggers(machine: Machine) -> Iterator[str]:
    """Yield the statements that let PostgreSQL note the steps of a machine."""
    was, became = (machine.state.replace("row.", f"{row}.") for row in ("OLD", "NEW"))
    name = f"note_{machine.name.replace(' ', '_')}"
    yield f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE was text := '{NONE}'; became text := '{NONE}';
        BEGIN
            IF TG_OP <> 'INSERT' THEN was := {was}; END IF;
            IF TG_OP <> 'DELETE' THEN became := {became}; END IF;
            IF was <> became THEN
                INSERT INTO transitions VALUES ('{machine.name}', was, became);
            END IF;
            RETURN NULL;
        END $$"""
    yield (
        f"CREATE TRIGGER {name} AFTER INSERT OR UPDATE OR DELETE ON {machine.table} "
        f"FOR EACH ROW EXECUTE FUNCTION {name}()"
    )


def statements(dialect: str) -> Iterator[str]:
    """Yield the statements that let a database note the steps of all machines."""
    triggers = sqlite_triggers if dialect == "sqlite" else postgresql_triggers
    yield NOTES
    for machine in MACHINES:
        yield from triggers(machine)


def counted(rows: Iterable[Mapping[str, object]]) -> Counter[str]:
    """Return the steps of the rows of COUNTS, by their names."""
    return Counter({_name(*(str(row[c]) for c in _COLUMNS)): int(str(row["n"])) for row in rows})


_COLUMNS = ("machine", "was", "became")


def _name(machine: str, was: str, became: str) -> str:
    return f"{machine}: {was} -> {became}"


def impossible(counts: Mapping[str, int]) -> list[str]:
    """Return the steps that were taken and that no machine has."""
    known = {_name(machine.name, *step) for machine in MACHINES for step in machine.steps}
    return [f"{name}, which is no step of it" for name in counts if name not in known]


def report(counts: Mapping[str, int]) -> Iterator[str]:
    """Yield a table for each machine: how often each state was reached, and each step taken."""
    for machine in MACHINES:
        steps = {step: counts.get(_name(machine.name, *step), 0) for step in machine.steps}
        seen = sum(n > 0 for n in steps.values())
        yield f"{machine.name}: {seen} of {len(steps)} steps"
        for state in sorted(machine.states):
            reached = sum(n for (_, became), n in steps.items() if became == state)
            yield f"{reached:10} {state}"
        for (was, became), n in sorted(steps.items(), key=lambda item: (-item[1], item[0])):
            yield f"{n or 'never':>10} {was} -> {became}"
