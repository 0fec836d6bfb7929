"""The API: one method for each endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import Any, TypeVar

from askcli.client import auth
from askcli.client.login import Login
from askcli.client.transport import Address, Event, Transport
from askcli.contract import (
    HEADER_IDEMPOTENCY_KEY,
    HEADER_LAST_EVENT_ID,
    ApiToken,
    ModelList,
    NewApiToken,
    Question,
    QuestionPage,
    Readiness,
    Removed,
    Session,
    Tokens,
    Usage,
    UsageList,
    User,
)
from askcli.errors import InvalidToken, SessionEnded, TokenExpired

T = TypeVar("T")


class Api:
    """A server's API, for one login. Each method raises the server's problem as our error."""

    def __init__(
        self, transport: Transport, login: Login, revive: Callable[[], object] = lambda: None
    ) -> None:
        """`revive` makes sure that there is a server, where that is the client's business."""
        self._transport = transport
        self._login = login
        self.revive = revive

    @property
    def address(self) -> Address:
        """Where the server is."""
        return self._transport.address

    def __enter__(self) -> Api:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._transport.close()

    def register(self, name: str, email: str, password: str, invite: str | None) -> User:
        """POST /api/users."""
        return auth.register(self._transport, name, email, password, invite)

    def login(self, email: str, password: str) -> Tokens:
        """POST /api/auth/login."""
        return auth.login(self._transport, email, password)

    def logout(self) -> None:
        """POST /api/auth/logout."""
        self._call("POST", "/api/auth/logout")

    def sessions(self) -> list[Session]:
        """GET /api/sessions."""
        items: list[Session] = self._call("GET", "/api/sessions")["items"]
        return items

    def end_session(self, session_id: str) -> None:
        """DELETE /api/sessions/{session_id}."""
        self._call("DELETE", f"/api/sessions/{session_id}")

    def end_sessions(self) -> None:
        """DELETE /api/sessions."""
        self._call("DELETE", "/api/sessions")

    def change_password(self, old: str, new: str) -> None:
        """POST /api/users/me/password."""
        body = {"current_password": old, "new_password": new}
        self._call("POST", "/api/users/me/password", body=body)

    def create_token(self, name: str, scopes: Sequence[str], days: int) -> NewApiToken:
        """POST /api/tokens."""
        body = {"name": name, "scopes": list(scopes), "expires_in_days": days}
        token: NewApiToken = self._call("POST", "/api/tokens", body=body)
        return token

    def tokens(self) -> list[ApiToken]:
        """GET /api/tokens."""
        items: list[ApiToken] = self._call("GET", "/api/tokens")["items"]
        return items

    def revoke_token(self, token_id: str) -> None:
        """DELETE /api/tokens/{token_id}."""
        self._call("DELETE", f"/api/tokens/{token_id}")

    def user(self) -> User:
        """GET /api/users/me."""
        user: User = self._call("GET", "/api/users/me")
        return user

    def questions(self, **filters: str | int | None) -> QuestionPage:
        """GET /api/users/me/questions."""
        params = {name: str(value) for name, value in filters.items() if value is not None}
        page: QuestionPage = self._call("GET", "/api/users/me/questions", params=params)
        return page

    def question(self, question_id: str) -> Question:
        """GET /api/questions/{question_id}."""
        question: Question = self._call("GET", f"/api/questions/{question_id}")
        return question

    def delete_question(self, question_id: str) -> None:
        """DELETE /api/questions/{question_id}."""
        self._call("DELETE", f"/api/questions/{question_id}")

    def delete_questions(self, until: str) -> int:
        """DELETE /api/users/me/questions; returns how many there were."""
        path = "/api/users/me/questions"
        removed: Removed = self._call("DELETE", path, params={"until": until})
        return removed["deleted"]

    def usage(self, **filters: str | None) -> list[Usage]:
        """GET /api/users/me/usage."""
        params = {name: value for name, value in filters.items() if value is not None}
        found: UsageList = self._call("GET", "/api/users/me/usage", params=params)
        return found["items"]

    @contextmanager
    def ask(self, body: Mapping[str, Any], key: str) -> Iterator[Iterator[Event]]:
        """POST /api/questions, as a stream; `key` makes it safe to send again."""

        def asked(token: str) -> AbstractContextManager[Iterator[Event]]:
            headers = _bearer(token) | {HEADER_IDEMPOTENCY_KEY: key}
            return self._transport.stream("POST", "/api/questions", body=body, headers=headers)

        with ExitStack() as stack:
            yield self._with_token(lambda token: stack.enter_context(asked(token)))

    @contextmanager
    def events(self, question_id: str, after: int) -> Iterator[Iterator[Event]]:
        """GET /api/questions/{question_id}/events, after so many characters."""
        path = f"/api/questions/{question_id}/events"

        def followed(token: str) -> AbstractContextManager[Iterator[Event]]:
            headers = _bearer(token) | {HEADER_LAST_EVENT_ID: str(after)}
            return self._transport.stream("GET", path, body=None, headers=headers)

        with ExitStack() as stack:
            yield self._with_token(lambda token: stack.enter_context(followed(token)))

    def cancel(self, question_id: str) -> Question:
        """POST /api/questions/{question_id}/cancel."""
        question: Question = self._call("POST", f"/api/questions/{question_id}/cancel")
        return question

    def models(self) -> ModelList:
        """GET /api/models."""
        models: ModelList = self._call("GET", "/api/models")
        return models

    def ready(self) -> Readiness:
        """GET /readyz."""
        health: Readiness = self._transport.call("GET", "/readyz")
        return health

    def openapi(self) -> dict[str, Any]:
        """GET /openapi.json."""
        document: dict[str, Any] = self._transport.call("GET", "/openapi.json")
        return document

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        return self._with_token(
            lambda token: self._transport.call(
                method, path, params=params, body=body, headers=_bearer(token)
            )
        )

    def _with_token(self, call: Callable[[str], T]) -> T:
        """The call's result; with a renewed token when the server refused the first one."""
        token = self._login.token()
        try:
            return call(token)
        except (TokenExpired, InvalidToken, SessionEnded):
            return call(self._login.renew(token))


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}
