"""The access token of requests, refreshed when it expires."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from askcli import settings
from askcli.client import auth
from askcli.client.credentials import Credentials
from askcli.client.http.transport import TokenSource, Transport
from askcli.client.server_entry import Account, ServerEntry
from askcli.contract.protocol import TOKEN
from askcli.contract.shapes import Tokens
from askcli.errors import AskcliError, InvalidToken, Misused, NotAuthenticated, SessionEnded

# Refreshed this long before it expires, so that a token does not expire on its way.
MARGIN_SECONDS = 30


class Login(TokenSource):
    """A login at one server, whose tokens `Transport` asks for."""

    @contextmanager
    def leaving(self) -> Iterator[Account | None]:
        """Forget the saved login after the block, which ends its session, unless it fails.

        Yields the login, None where none is saved. No other process changes it during the block.
        """
        yield None


class GivenToken(Login):
    """The token of ASKCLI_TOKEN, which is neither saved nor renewed, or one read from stdin."""

    def __init__(self, token: str, *, is_from_stdin: bool = False) -> None:
        """Raises Misused for a token that no header can carry."""
        if not TOKEN.fullmatch(token):
            raise Misused("the token is not one: it has spaces or other strange characters in it.")
        self._token = token
        self._is_from_stdin = is_from_stdin

    def token(self) -> str:
        """Return the token."""
        return self._token

    def renew(self, refused: str) -> str:  # noqa: ARG002
        """Raise NotAuthenticated."""
        place = "stdin" if self._is_from_stdin else settings.place("token")
        raise NotAuthenticated(f"the token from {place} is not valid or has expired; renew it.")


class SavedLogin(Login):
    """The login in the token file."""

    def __init__(self, credentials: Credentials, transport: Transport) -> None:
        self._credentials = credentials
        self._transport = transport
        self._server = transport.address.key
        self._held: ServerEntry | None = None

    @contextmanager
    def leaving(self) -> Iterator[Account | None]:
        """Hold the server's lock during the block: the login that it ends is the one removed."""
        failure: BaseException | None = None
        with self._credentials.update(self._server) as self._held:
            try:
                yield self._held.current()
                self._held.remove()
            except (AskcliError, KeyboardInterrupt) as error:  # what it has refreshed is saved
                failure = error
            finally:
                self._held = None
        if failure:
            raise failure

    def token(self) -> str:
        """Return the saved access token, refreshed if it is about to expire."""
        if self._held:
            return self._update(refused=None)
        account = self._credentials.current(self._server)
        if account and _is_fresh(account):
            return account["access_token"]
        return self._update(refused=None)

    def renew(self, refused: str) -> str:
        """Return the token that another process has saved meanwhile, else a refreshed one."""
        return self._update(refused)

    def _update(self, refused: str | None) -> str:
        held = nullcontext(self._held) if self._held else self._credentials.update(self._server)
        with held as entry:
            account = entry.current()
            if account and _is_fresh(account) and account["access_token"] != refused:
                return account["access_token"]
            return self._renewed(entry, account)["access_token"]

    def _renewed(self, entry: ServerEntry, account: Account | None) -> Account:
        options = self._credentials.options(self._transport.address.url)
        if account is None:
            raise NotAuthenticated(
                f"not logged in to {self._transport.address.name}: run `askcli login {options}` "
                f"or `askcli register {options}`."
            )
        tokens = refreshed(self._transport, account, f"run `askcli login {options}`.")
        return entry.renew(tokens, account.get("password"))


def refreshed(transport: Transport, account: Account, hint: str = "") -> Tokens:
    """Return new tokens of a login.

    Raises SessionEnded where the server says so; `hint` says how to log in again.
    """
    name = transport.address.name
    if "refresh_token" not in account:
        raise NotAuthenticated(f"the API token for {name} is revoked or has expired: {hint}")
    try:
        return auth.refresh(transport, account["refresh_token"])
    except (InvalidToken, SessionEnded):
        raise SessionEnded(f"your session on {name} has ended: {hint}") from None
    except NotAuthenticated:  # a gateway's: the session may go on
        raise NotAuthenticated(f"your session on {name} was not refreshed: {hint}") from None


def _is_fresh(account: Account) -> bool:
    return account.get("expires_at", 0) - MARGIN_SECONDS > time.time()
