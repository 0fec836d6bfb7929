"""The HTTP API: one method for each endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import NoneType
from typing import Any, TypeVar

from askcli.client import auth
from askcli.client.http.address import Address
from askcli.client.http.events import Events
from askcli.client.http.transport import Transport
from askcli.client.login import Login
from askcli.client.server_entry import Account
from askcli.contract.health import Readiness
from askcli.contract.limits import MAX_CURSOR, MAX_EMPTY_PAGES, MAX_PAGE
from askcli.contract.protocol import HEADER_IDEMPOTENCY_KEY, HEADER_LAST_EVENT_ID
from askcli.contract.shapes import (
    ApiToken,
    ApiTokenList,
    Conversation,
    ConversationPage,
    Imported,
    ModelList,
    NewApiToken,
    Question,
    QuestionPage,
    Removed,
    Session,
    SessionList,
    Tokens,
    Usage,
    UsageList,
    User,
)
from askcli.errors import BadResponse

T = TypeVar("T")
Page = TypeVar("Page", QuestionPage, ConversationPage)


def pages(
    listing: Callable[..., Page], most: int | None = None, **filters: str | int | None
) -> Iterator[Page]:
    """Yield the pages of `Api.questions` or `Api.conversations`, `most` items in all, in order.

    A page may have few items, or none. Raises BadResponse for endless pages or cursors.
    """
    cursor, cursors, empty = None, set[str | None](), 0
    while most is None or most > 0:
        if cursor in cursors or len(cursor or "") > MAX_CURSOR or empty > MAX_EMPTY_PAGES:
            raise BadResponse()
        cursors.add(cursor)
        page = listing(limit=min(most or MAX_PAGE, MAX_PAGE), cursor=cursor, **filters)
        yield page
        if (cursor := page["next_cursor"]) is None:
            return
        most = most and most - len(page["items"])
        empty += not page["items"]


class Api:
    """A server's API for one login; each method raises the server's problem as an error."""

    def __init__(self, transport: Transport, login: Login) -> None:
        self._transport = transport
        self._login = login

    @property
    def address(self) -> Address:
        """The server's address."""
        return self._transport.address

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def register(self, name: str, email: str, password: str, invite: str | None) -> User:
        """POST /api/users."""
        return auth.register(self._transport, name, email, password, invite)

    def login(self, email: str, password: str) -> Tokens:
        """POST /api/auth/login."""
        return auth.login(self._transport, email, password)

    def leaving(self) -> AbstractContextManager[Account | None]:
        """Forget the login after a block that ends its session; see `Login.leaving`."""
        return self._login.leaving()

    def logout(self) -> None:
        """POST /api/auth/logout."""
        self._call("POST", "/api/auth/logout", NoneType)

    def sessions(self) -> list[Session]:
        """GET /api/sessions."""
        return self._call("GET", "/api/sessions", SessionList)["items"]

    def end_session(self, session_id: str) -> None:
        """DELETE /api/sessions/{session_id}."""
        self._call("DELETE", f"/api/sessions/{session_id}", NoneType)

    def end_sessions(self) -> None:
        """DELETE /api/sessions."""
        self._call("DELETE", "/api/sessions", NoneType)

    def change_password(self, old: str, new: str, *, keep_tokens: bool) -> None:
        """POST /api/users/me/password."""
        body = {"current_password": old, "new_password": new, "keep_tokens": keep_tokens}
        self._call("POST", "/api/users/me/password", NoneType, body=body)

    def create_token(self, name: str, scopes: Sequence[str], days: int) -> NewApiToken:
        """POST /api/tokens."""
        body = {"name": name, "scopes": list(scopes), "expires_in_days": days}
        return self._call("POST", "/api/tokens", NewApiToken, body=body)

    def tokens(self) -> list[ApiToken]:
        """GET /api/tokens."""
        return self._call("GET", "/api/tokens", ApiTokenList)["items"]

    def revoke_token(self, token_id: str) -> None:
        """DELETE /api/tokens/{token_id}."""
        self._call("DELETE", f"/api/tokens/{token_id}", NoneType)

    def user(self) -> User:
        """GET /api/users/me."""
        return self._call("GET", "/api/users/me", User)

    def questions(self, **filters: str | int | None) -> QuestionPage:
        """GET /api/users/me/questions."""
        return self._call("GET", "/api/users/me/questions", QuestionPage, params=filters)

    def question(self, question_id: str) -> Question:
        """GET /api/questions/{question_id}."""
        return self._call("GET", f"/api/questions/{question_id}", Question)

    def delete_question(self, question_id: str) -> None:
        """DELETE /api/questions/{question_id}."""
        self._call("DELETE", f"/api/questions/{question_id}", NoneType)

    def delete_questions(self, until: str) -> int:
        """DELETE /api/users/me/questions; returns how many were deleted."""
        removed = self._call("DELETE", "/api/users/me/questions", Removed, params={"until": until})
        return removed["deleted"]

    def import_questions(self, items: Sequence[Mapping[str, Any]]) -> Imported:
        """POST /api/users/me/questions."""
        return self._call("POST", "/api/users/me/questions", Imported, body={"items": items})

    def conversations(self, **filters: str | int | None) -> ConversationPage:
        """GET /api/users/me/conversations."""
        return self._call("GET", "/api/users/me/conversations", ConversationPage, params=filters)

    def conversation(self, conversation_id: str) -> Conversation:
        """GET /api/conversations/{conversation_id}."""
        return self._call("GET", f"/api/conversations/{conversation_id}", Conversation)

    def rename_conversation(self, id_: str, title: str) -> Conversation:
        """PATCH /api/conversations/{id_}; an empty title takes it away."""
        return self._call("PATCH", f"/api/conversations/{id_}", Conversation, body={"title": title})

    def delete_conversation(self, conversation_id: str) -> None:
        """DELETE /api/conversations/{conversation_id}."""
        self._call("DELETE", f"/api/conversations/{conversation_id}", NoneType)

    def usage(self, **filters: str | None) -> list[Usage]:
        """GET /api/users/me/usage."""
        return self._call("GET", "/api/users/me/usage", UsageList, params=filters)["items"]

    def ask(self, body: Mapping[str, Any], key: str) -> AbstractContextManager[Events]:
        """POST /api/questions as an event stream; `key` makes the request safe to repeat."""
        return self._stream("POST", "/api/questions", {HEADER_IDEMPOTENCY_KEY: key}, body)

    def events(self, question_id: str, after: int) -> AbstractContextManager[Events]:
        """GET /api/questions/{question_id}/events, after the first `after` characters.

        None when the answer has ended with them.
        """
        path = f"/api/questions/{question_id}/events"
        return self._stream("GET", path, {HEADER_LAST_EVENT_ID: str(after)} if after else {})

    def cancel(self, question_id: str) -> Question:
        """POST /api/questions/{question_id}/cancel."""
        return self._call("POST", f"/api/questions/{question_id}/cancel", Question)

    def models(self) -> ModelList:
        """GET /api/models."""
        return self._call("GET", "/api/models", ModelList)

    def ready(self) -> Readiness:
        """GET /readyz."""
        return self._transport.call("GET", "/readyz", Readiness)

    def openapi(self) -> dict[str, Any]:
        """GET /openapi.json."""
        return self._transport.call("GET", "/openapi.json", dict)

    def _call(
        self,
        method: str,
        path: str,
        shape: type[T],
        *,
        params: Mapping[str, str | int | None] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> T:
        """Call with the login; `params` that are None are left out."""
        query = {name: str(value) for name, value in (params or {}).items() if value is not None}
        return self._transport.call(method, path, shape, params=query, body=body, login=self._login)

    def _stream(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
    ) -> AbstractContextManager[Events]:
        return self._transport.stream(method, path, body=body, headers=headers, login=self._login)
