"""Runs a night: builds the world of a plan, lets its faults happen, collects what came of it."""

from __future__ import annotations

import gc
import logging
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from anyio._backends._asyncio import _task_states

from askcli.settings import Rate, Settings
from tests.simulation import checks, seams, transitions
from tests.simulation.databases import Databases, Sqlite
from tests.simulation.faults import Faults
from tests.simulation.network import Network
from tests.simulation.person import Person
from tests.simulation.plan import SECONDS, Plan
from tests.simulation.provider import Provider
from tests.simulation.replica import Replica
from tests.simulation.shell import Shell
from tests.simulation.users import User
from tests.simulation.world import Clock, Stuck, World

HEALED = SECONDS + 25.0  # when the last fault has ended
LATEST = 1500.0  # when all users must have an end
LOGIN_LIMIT, REFRESH_LIMIT = Rate(4, 20), Rate(10, 40)
REST = 90.0  # seconds in which everything comes to rest after that
FIRST_NIGHTS, NIGHTS_PER_COLLECTION = 5, 20


@dataclass
class Night:
    """A night that is over."""

    plan: Plan
    story: list[str]
    wrong: list[str]
    seconds: float = 0.0
    steps: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    trace: str = ""  # a digest of its story and steps


class Stage:
    """What a night takes place on; checks read it afterwards."""

    def __init__(self, plan: Plan, world: World, databases: Databases) -> None:
        self.plan = plan
        self.world = world
        self.databases = databases
        directory = databases.directory
        self.provider = Provider(world, plan.seed)
        settings = _settings(databases, plan)
        self.replicas = [
            Replica(world, number + 1, settings, self.provider, Clock(rate))
            for number, rate in enumerate(plan.rates)
        ]
        for replica in self.replicas:
            replica.most_streams = plan.streams
        self.network = Network(world, list(self.replicas), is_spread=plan.is_spread)
        self.users = [User(number, directory / f"home{number}") for number in range(plan.users)]
        self.people: list[Person] = []
        self.shells: list[Shell] = []

    def open(self) -> None:
        """Start the replicas and the shells."""
        for replica in self.replicas:
            replica.start()
        for number, (user, actions) in enumerate(self.plan.shells):
            first = [u for u, _ in self.plan.shells].index(user)
            name = f"user-{user}{'abcdef'[number - first]}"
            own = self.users[user]
            person = Person(self.world, own, self.users, name, actions, self.open_shell)
            self.people.append(person)
            self.open_shell(name, person.work)

    def open_shell(self, name: str, work: Callable[[Shell], None]) -> None:
        """Open one more shell of a user."""
        self.shells.append(Shell(self.world, name, Clock(), work))

    def have_all_ended(self) -> bool:
        return not self.world.has_users

    def close(self) -> None:
        """End every shell and process."""
        for shell in self.shells:
            shell.end()
        for replica in self.replicas:
            replica.clear()


@contextmanager
def correct() -> Iterator[None]:
    """The product as it is, without a planted bug."""
    yield


def run(plan: Plan, databases: Databases | None = None) -> Night:
    """Run a night, on SQLite unless another database is given."""
    with _quiet_python():
        return _run(plan, databases or on_sqlite())


def _run(plan: Plan, databases: Databases) -> Night:
    databases.renew()
    world = World(plan.seed)
    stage = Stage(plan, world, databases)
    wrong: list[str] = []
    with seams.of(world, stage.network.connect, plan.seed) as log:
        try:
            wrong += _play(stage)
            wrong += log.errors
        except Stuck as error:
            wrong.append(f"it does not end: {error}")
        finally:
            stage.close()
    wrong += [failure for replica in stage.replicas for failure in replica.failures]
    steps = transitions.counted(databases.rows(transitions.COUNTS))
    wrong += transitions.impossible(steps)
    counts = world.counts + checks.states(stage) + steps
    return Night(plan, world.story, wrong, world.now, world.steps, counts, world.digest())


def _play(stage: Stage) -> list[str]:
    world = stage.world
    stage.open()
    faults = Faults(stage)
    faults.schedule()
    world.run(HEALED, stage.have_all_ended)
    faults.heal()
    world.run(LATEST, stage.have_all_ended)
    if not stage.have_all_ended():
        failures = [
            failure for r in stage.replicas if r.process for failure in r.process.loop.failures
        ]
        waiting = [shell.name for shell in stage.shells if not shell.has_ended]
        return [*failures, *(f"{name} waits for ever" for name in waiting)]
    stage.shells += checks.last_looks(stage)
    world.run(LATEST + 200, stage.have_all_ended)
    end = world.now + REST
    while world.now < end and not checks.is_at_rest(stage):
        before = world.now
        world.run(world.now + 2.0)
        world.now = max(world.now, before + 2.0)
    world.tell(f"the night is over after {world.steps} steps", "world")
    return checks.wrong(stage)


def _settings(databases: Databases, plan: Plan) -> Settings:
    return Settings(
        jwt_secret="a secret of the simulation, long enough",
        db_conn_string=databases.url,
        registration="closed",
        access_token_seconds=35,  # the client refreshes 30 s before that
        refresh_grace_seconds=5,
        login_limit=LOGIN_LIMIT,
        refresh_limit=REFRESH_LIMIT,
        quota_tokens_day=plan.quota,
        max_running=1 + plan.seed % 3,
        orphan_seconds=8,
        drain_seconds=4,
        first_token_seconds=20,
        between_tokens_seconds=10,
        answer_seconds=60,
        upstream_attempts=3,
        data_dir=databases.directory,
    )


_sqlite: Sqlite | None = None


def on_sqlite() -> Sqlite:
    """The database of this process' nights where no other is given."""
    global _sqlite
    if _sqlite is None:
        _sqlite = Sqlite()
    return _sqlite


def forget() -> None:
    """Delete it."""
    global _sqlite
    _collect()
    if _sqlite is not None:
        _sqlite.close()
        _sqlite = None


_nights = 0


def _collect(generation: int = 2) -> None:
    """Collect what the dead have left; their last words are no failures."""
    logging.disable()
    # Of tasks that were killed within a scope: each refers to its own key, and so would stay.
    _task_states.clear()
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    gc.collect(generation)
    sys.unraisablehook = hook
    logging.disable(logging.NOTSET)


@contextmanager
def _quiet_python() -> Iterator[None]:
    """Let nothing of the dead be heard, and the garbage collector work between nights only."""
    global _nights
    _nights += 1
    hook, was_enabled = sys.unraisablehook, gc.isenabled()
    of_generators = sys.get_asyncgen_hooks()
    sys.unraisablehook = lambda _: None
    gc.disable()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            # What a night has left is young: nothing is older until it has been looked at here.
            _collect(0 if _nights % NIGHTS_PER_COLLECTION else 2)
            if _nights < FIRST_NIGHTS:
                gc.freeze()  # what the nights have in common
            sys.unraisablehook = hook
            sys.set_asyncgen_hooks(*of_generators)
            if was_enabled:
                gc.enable()
