"""What users do with their accounts: API tokens, sessions, passwords, and wrong ones."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from contextlib import suppress

from askcli.client import auth
from askcli.client.http.address import parse_address
from askcli.client.http.transport import Transport
from askcli.errors import AskcliError, InvalidCredentials, NotAuthenticated, NotFound, SessionEnded
from tests.simulation.at_shell import AtShell
from tests.simulation.network import ADDRESS
from tests.simulation.shell import Shell
from tests.simulation.users import (
    EXPIRES_AT,
    PASSWORD,
    TIMEOUT,
    ApiToken,
    Asked,
    Spans,
    expiring_token,
    virtual_time,
)


class Accounts(AtShell):
    """Tokens that are made and revoked, sessions that are opened and ended."""

    def _api_token(self) -> str:
        """The newest token that is not revoked, or a new one."""
        for token in reversed(self.user.tokens):
            if not token.is_revoking:
                return token.token
        purges = self.user.purges
        with self.user.api() as api:
            made = api.create_token("script", ["ask", "read"], 1)
        is_safe = purges == self.user.purges and not self.user.changing
        self.user.tokens.append(ApiToken(made["id"], made["token"], is_revoking=not is_safe))
        self._world.tell("has made an API token")
        return made["token"]

    def _revoke(self, shell: Shell, _: list[Asked]) -> None:
        if not self.user.tokens:
            self._api_token()
        token = self.user.tokens[-1]
        token.is_revoking = True
        with self.user.api() as api:
            try:
                api.revoke_token(token.id)
            except NotFound:
                self._world.tell("finds it revoked")
        token.is_revoked = True
        self._world.tell("has revoked an API token")
        self._must_be_refused(token.token, "a revoked API token")

    def _log_out(self, shell: Shell, _: list[Asked]) -> None:
        """Log out, and in again."""
        user = self.user
        if not self._is_away:
            self._is_away = True
            user.leaving, user.changes = user.leaving + 1, user.changes + 1
        try:
            token = user.log_out()
            self._world.tell("is logged out")
            if token:
                user.ended.append(token)
                self._must_be_refused(token, "the token of a session that was logged out")
        except AskcliError as error:
            self._note("log_out", error)
        self._enter(shell)
        self._is_away = False
        user.leaving, user.changes = user.leaving - 1, user.changes + 1

    def _elsewhere(self, shell: Shell, _: list[Asked]) -> None:
        """Log in on another machine, and end that session in one of three ways."""
        with self.user.api() as api:
            tokens = self.user.open_session(api)
        with self.user.api(tokens["access_token"]) as api, suppress(NotAuthenticated):
            api.questions(limit=1)  # another shell may have ended it
        self._world.tell("has a second session")
        way = self._random.choice((self._leave_there, self._end_from_here, self._change_password))
        try:
            way(tokens["access_token"])
        except NotAuthenticated as error:  # a clock is wrong, or another shell has ended it
            self._world.tell(f"cannot end it: {error.code}")
            return
        self.user.ended.append(tokens["access_token"])
        self._must_be_refused(tokens["access_token"], "the token of a session that was ended")
        transport = Transport(parse_address(ADDRESS), TIMEOUT)
        try:
            auth.refresh(transport, tokens["refresh_token"])
        except NotAuthenticated:
            return
        finally:
            transport.close()
        self.user.wrong.append(f"{self.name} has refreshed a session that was ended")

    def _leave_there(self, token: str) -> None:
        with self.user.api(token) as api:
            api.logout()
        self._world.tell("has logged out there")

    def _end_from_here(self, token: str) -> None:
        claims = token.split(".")[1]
        session_id = json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sid"]
        with self.user.api() as api, suppress(NotFound):
            api.end_session(session_id)
        self._world.tell("has ended it from here")

    def _change_password(self, _: str) -> None:
        user, keeps = self.user, self._random.random() < 0.5
        old, new = list(user.passwords), f"{PASSWORD} {len(user.passwords)}"
        user.passwords.append(new)
        tokens = [] if keeps else list(user.tokens)
        user.changing, user.purges = user.changing + 1, user.purges + 1
        for token in tokens:
            token.is_revoking = True
        with user.api() as api:
            user.with_password(old, lambda one: api.change_password(one, new, keep_tokens=keeps))
        user.changing, user.purges = user.changing - 1, user.purges + 1
        self._world.tell("has changed the password")
        for token in tokens:
            token.is_revoked = True
            self._must_be_refused(token.token, "an API token of before the new password")
        for token in [] if keeps else user.tokens:  # made meanwhile
            token.is_revoking = True

    def _must_be_refused(self, token: str, what: str) -> None:
        with self.user.api(token) as api:
            try:
                api.questions(limit=1)
            except NotAuthenticated:
                return
        self.user.wrong.append(f"{self.name}: {what} is still good")

    def _guess(self, shell: Shell, _: list[Asked]) -> None:
        """Try wrong passwords."""
        for _number in range(6):
            began = virtual_time()
            with self.user.api() as api:
                try:
                    api.login(self.user.email, "a wrong password of the simulation")
                except InvalidCredentials:
                    self.user.guesses.append((began, virtual_time()))
                except AskcliError as error:
                    self._world.tell(f"guesses in vain: {error.code}")

    def _refresh(self, shell: Shell, _: list[Asked]) -> None:
        """Refresh a second session again and again, unless another shell's new password ends it."""
        purges = self.user.purges
        with self.user.api() as api:
            refresh_token = self.user.open_session(api)["refresh_token"]
        uses: Spans = []
        self.user.refreshes.append(uses)
        for _number in range(13):
            transport, began = Transport(parse_address(ADDRESS), TIMEOUT), virtual_time()
            try:
                refresh_token = auth.refresh(transport, refresh_token)["refresh_token"]
            except SessionEnded:
                if purges == self.user.purges:
                    raise
                return
            finally:
                transport.close()
            uses.append((began, virtual_time()))

    def _expiring(self, shell: Shell, _: list[Asked]) -> None:
        """Use a token that expires, and again after its end."""
        self._use_expiring()
        if (left := EXPIRES_AT - virtual_time()) > 0:
            shell.sleep(left + self._random.uniform(6, 12))
            self._use_expiring()

    def _use_expiring(self) -> None:
        began, is_good = virtual_time(), True
        with self.user.api(expiring_token(self.user.number)) as api:
            try:
                api.questions(limit=1)
            except NotAuthenticated:
                is_good = False
        self._world.tell(f"has a token that is {'good' if is_good else 'refused'}")
        self.user.uses_of_expiring.append((began, virtual_time(), is_good))
