"""A user at a shell: does one action after the other, each again after a kill."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from askcli.errors import AskcliError, InvalidToken, NotAuthenticated, SessionEnded
from tests.simulation.plan import Action
from tests.simulation.shell import Killed, Shell
from tests.simulation.users import Asked, User
from tests.simulation.world import World


class AtShell:
    """What a user does at one shell; the actions are those of subclasses."""

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
        self._changes = dict[str, int]()  # before the command of each shell
        self._is_away = False  # has logged out, and not in again

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
            self._changes[shell.name] = self.user.changes
            getattr(self, f"_{action.kind}")(shell, asked)
        except Killed:
            return shell.is_over
        except AskcliError as error:
            self._note(action.kind, error)
        return True

    def _note(self, what: str, error: AskcliError) -> None:
        self._world.tell(f"{what} failed: {error.code}: {error.detail[:90]}")
        self._check_login(error)

    def _check_login(self, error: AskcliError, api_token: str | None = None) -> None:
        """Note a login that was lost; `api_token` was used in its place."""
        if api_token:
            token = next(one for one in self.user.tokens if one.token == api_token)
            if isinstance(error, NotAuthenticated) and not token.is_revoking:
                self.user.wrong.append(f"{self.name} has a token that was refused: {error.code}")
            return
        # A clock that is an hour off refuses tokens, and loses no login.
        assert self._world.current
        if self._changes[self._world.current.name] != self.user.changes:
            return
        if isinstance(error, InvalidToken):
            self.user.refusals.append(f"the token of {self.name} was refused: {error.detail}")
        is_lost = isinstance(error, SessionEnded) or type(error) is NotAuthenticated
        if is_lost and not self.user.leaving and not self.user.changing:
            self.user.wrong.append(f"{self.name} has lost its login: {error.code} {error.detail}")

    def _log_in(self, shell: Shell, _: list[Asked]) -> None:
        self._wait_for_login(shell)

    def _wait_for_login(self, shell: Shell) -> None:
        while not self.user.has_login:
            if not self._is_first:
                shell.sleep(0.5)
                continue
            self._enter(shell)
            self.user.has_login = True

    def _enter(self, shell: Shell) -> None:
        while True:
            try:
                self.user.log_in()
            except AskcliError as error:
                self._world.tell(f"login failed: {error.code}")
                shell.sleep(2.0 + (error.retry_after or 0))
            else:
                self._world.tell("is logged in")
                return

    def _meanwhile(self, act: Callable[[Shell, list[Asked]], None], asked: list[Asked]) -> None:
        if asked:  # again, after a kill
            return
        pause = self._random.uniform(0.05, 3.0)

        def work(shell: Shell) -> None:
            shell.sleep(pause)
            self._changes[shell.name] = self.user.changes
            try:
                act(shell, [])
            except AskcliError as error:
                self._note("it", error)

        self._open(f"{self.name}{len(self.user.asked)}", work)
