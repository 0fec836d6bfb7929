"""Users at their shells: the real client, and a record of what it was told and shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from askcli.client.api import Api
from askcli.client.credentials import Credentials
from askcli.client.http.address import parse_address
from askcli.client.http.transport import Transport
from askcli.client.login import SavedLogin
from askcli.client.resume import Asking
from askcli.contract.protocol import EVENT_DELTA, EVENT_DONE
from askcli.errors import AskcliError, NotAuthenticated, NotFound, SessionEnded
from tests.simulation.network import ADDRESS
from tests.simulation.plan import Action
from tests.simulation.shell import Killed, Shell
from tests.simulation.world import World

TIMEOUT = 600
PASSWORD = "a password of the simulation"
# What may be asked again with the same key after these, as a batch does.
AGAIN = ("unreachable", "database_unavailable", "unavailable", "interrupted", "provider_overloaded")


@dataclass
class Attempt:
    """One run of the command: the text that it showed, and its end (`done`, `killed` or a code)."""

    shown: str = ""
    question_id: str | None = None
    end: str = ""
    status: str | None = None
    answer: str | None = None


@dataclass
class Asked:
    """A question, as its user knows it."""

    user: int
    marker: str
    key: str
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def question_id(self) -> str | None:
        return next((a.question_id for a in self.attempts if a.question_id), None)


@dataclass
class User:
    """A user's machine: the token file, and what is known of the questions asked there."""

    number: int
    home: Path
    asked: list[Asked] = field(default_factory=list)
    cancelled: set[str] = field(default_factory=set)  # what the server has confirmed
    cancelling: set[str] = field(default_factory=set)  # what was requested
    deleted: set[str] = field(default_factory=set)
    deleting: set[str] = field(default_factory=set)
    has_login: bool = False
    has_logged_out: bool = False
    wrong: list[str] = field(default_factory=list)  # what must not have happened

    @property
    def email(self) -> str:
        return f"user{self.number}@example.org"

    def api(self) -> Api:
        transport = Transport(parse_address(ADDRESS), TIMEOUT)
        credentials = Credentials(self.home, None, 0.8 * TIMEOUT)
        return Api(transport, SavedLogin(credentials, transport))

    def log_in(self) -> None:
        with self.api() as api:
            tokens = api.login(self.email, PASSWORD)
            with Credentials(self.home, None, 0.8 * TIMEOUT).update(api.address.key) as entry:
                entry.put(tokens)

    def latest(self) -> str | None:
        """The question that was acknowledged last."""
        return next((a.question_id for a in reversed(self.asked) if a.question_id), None)


class Person:
    """What a user does at one shell."""

    def __init__(
        self,
        world: World,
        user: User,
        others: list[User],
        name: str,
        actions: tuple[Action, ...],
        open_shell: Callable[[str, Callable[[Shell], None]], None],
    ) -> None:
        self.name = name
        self.user = user
        self.back_after = 0.0  # a kill, until the same command is given again
        self._open = open_shell
        self._world = world
        self._others = others
        self._actions = (Action("log_in", 0.0), *actions)
        self._is_first = name.endswith("a")
        self._random = Random(name)

    def work(self, shell: Shell) -> None:
        """Do the actions, each again after a kill."""
        for action in self._actions:
            if shell.is_over:
                return
            asked: list[Asked] = []  # by this action: again with the same key
            while not self._has_done(shell, action, asked):
                shell.is_dying = False

    def _has_done(self, shell: Shell, action: Action, asked: list[Asked]) -> bool:
        """Do an action; False if its process, or the wait for the user to come back, was killed."""
        try:
            if shell.has_been_killed:
                shell.has_been_killed = False
                shell.sleep(self.back_after)
                self._world.tell("is back", self.name)
            else:
                shell.sleep(action.pause)
            getattr(self, f"_{action.kind}")(shell, asked)
        except Killed:
            return shell.is_over
        except AskcliError as error:
            self._note(action.kind, error)
        return True

    def _note(self, what: str, error: AskcliError) -> None:
        self._world.tell(f"{what} failed: {error.code}: {error.detail[:90]}")
        self._check_login(error)

    def _check_login(self, error: AskcliError) -> None:
        # A clock that is an hour off refuses tokens, and loses no login.
        is_lost = isinstance(error, SessionEnded) or type(error) is NotAuthenticated
        if is_lost and not self.user.has_logged_out:
            self.user.wrong.append(f"{self.name} has lost its login: {error.code} {error.detail}")

    def _log_in(self, shell: Shell, _: list[Asked]) -> None:
        while not self.user.has_login:
            if not self._is_first:
                shell.sleep(0.5)
                continue
            try:
                self.user.log_in()
                self.user.has_login = True
                self._world.tell("is logged in")
            except AskcliError as error:
                self._world.tell(f"login failed: {error.code}")
                shell.sleep(2.0 + (error.retry_after or 0))

    def _ask(self, shell: Shell, asked: list[Asked]) -> None:
        if not asked:
            number = len(self.user.asked)
            marker = f"q{self.user.number}-{number}"
            asked.append(Asked(self.user.number, marker, f"key {marker}"))
            self.user.asked += asked
        for _ in range(4):
            attempt = self._attempt(asked[0])
            if attempt.end not in AGAIN or attempt.status in ("answered", "cancelled"):
                return
            shell.sleep(self._random.uniform(1, 5))

    def _ask_and_cancel(self, shell: Shell, asked: list[Asked]) -> None:
        """Ask, and cancel the answer from another shell meanwhile."""
        self._meanwhile(self._cancel, asked)
        self._ask(shell, asked)

    def _ask_and_delete(self, shell: Shell, asked: list[Asked]) -> None:
        """Ask, and delete the question from another shell meanwhile."""
        self._meanwhile(self._delete, asked)
        self._ask(shell, asked)

    def _meanwhile(self, act: Callable[[Shell, list[Asked]], None], asked: list[Asked]) -> None:
        if asked:  # again, after a kill
            return
        pause = self._random.uniform(0.05, 3.0)

        def work(shell: Shell) -> None:
            shell.sleep(pause)
            try:
                act(shell, [])
            except AskcliError as error:
                self._note("it", error)

        self._open(f"{self.name}{len(self.user.asked)}", work)

    def _attempt(self, asked: Asked) -> Attempt:
        attempt = Attempt()
        asked.attempts.append(attempt)
        self._world.tell(f"asks {asked.marker}, {len(asked.attempts)}. time")
        text = f"{asked.marker} " + "why? " * (len(asked.marker) % 3)
        with self.user.api() as api:
            asking = Asking(api)
            self._read(attempt, asking, lambda: asking.ask({"question": text}, asked.key))
        return attempt

    def _read(self, attempt: Attempt, asking: Asking, events: Callable[[], Any]) -> None:
        try:
            attempt.end = "killed"
            for event in events():
                attempt.question_id = asking.question_id
                if event.name == EVENT_DELTA:
                    attempt.shown += event.data["text"]
                if event.is_last:
                    self._end(attempt, event)
        except AskcliError as error:
            attempt.end, attempt.status = error.code, error.question_status
            attempt.question_id = asking.question_id or attempt.question_id
            self._check_login(error)
        self._world.tell(f"has {attempt.end} of {attempt.question_id}: {attempt.shown!r}")

    def _end(self, attempt: Attempt, event: Any) -> None:
        if event.name == EVENT_DONE:
            attempt.end, attempt.answer = "done", event.data["answer"]
            attempt.status = event.data["status"]
        elif error := event.error():
            attempt.end, attempt.status = error.code, error.question_status

    def _rejoin(self, shell: Shell, _: list[Asked]) -> None:
        if question_id := self.user.latest():
            asked = next(a for a in self.user.asked if a.question_id == question_id)
            attempt = Attempt(question_id=question_id)
            asked.attempts.append(attempt)
            self._world.tell(f"rejoins {asked.marker}")
            with self.user.api() as api:
                asking = Asking(api, question_id)
                self._read(attempt, asking, asking.rejoin)

    def _cancel(self, shell: Shell, _: list[Asked]) -> None:
        if question_id := self.user.latest():
            self._world.tell(f"cancels {question_id}")
            self.user.cancelling.add(question_id)
            with self.user.api() as api:
                status = api.cancel(question_id)["status"]
            self._world.tell(f"has {status} of its cancel")
            if status == "cancelled":
                self.user.cancelled.add(question_id)
            elif status == "answering":
                self.user.wrong.append(f"{self.name}: {question_id} goes on after its cancel")

    def _delete(self, shell: Shell, _: list[Asked]) -> None:
        if question_id := self.user.latest():
            self._world.tell(f"deletes {question_id}")
            self.user.deleting.add(question_id)
            with self.user.api() as api:
                try:
                    api.delete_question(question_id)
                except NotFound:
                    if question_id not in self.user.deleted:
                        self._world.tell("finds it deleted")
            self.user.deleted.add(question_id)

    def _history(self, shell: Shell, _: list[Asked]) -> None:
        with self.user.api() as api:
            items = api.questions()["items"]
        self._world.tell(f"lists {len(items)} questions")
        foreign = [
            item for item in items if not item["question"].startswith(f"q{self.user.number}-")
        ]
        if foreign:
            self.user.wrong.append(f"{self.name} was shown {foreign[0]['question']}")

    def _snoop(self, shell: Shell, _: list[Asked]) -> None:
        """Try to read another user's question."""
        for other in self._others:
            if other is self.user or not (question_id := other.latest()):
                continue
            with self.user.api() as api:
                try:
                    api.question(question_id)
                except NotFound:
                    continue
            self.user.wrong.append(f"{self.name} has read {question_id} of user {other.number}")

    def _log_out(self, shell: Shell, _: list[Asked]) -> None:
        self.user.has_logged_out = True
        with self.user.api() as api:
            api.logout()
        self._world.tell("is logged out")
