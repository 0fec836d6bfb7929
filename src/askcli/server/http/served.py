"""A request that is served, and what is known of its response."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from urllib.parse import quote

from starlette.types import Scope

from askcli.services.request_info import RequestInfo

_text = lru_cache(maxsize=4096)(str)  # of an id: that takes a fifth of a line's time

# Asked for every few seconds, by those who watch a server.
QUIET_ROUTES = frozenset(("/healthz", "/readyz", "/metrics"))

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_ID = re.compile(r"[0-9A-Fa-f-]{1,36}", re.ASCII)

# nginx's status of a request whose client has left before there was a response.
CLIENT_LEFT = 499


@dataclass(slots=True, eq=False)
class Served:
    """A request; `began` and `responded` are times of `perf_counter`, `size` the body's bytes.

    The scope is that which the routes get: they add to it.
    """

    info: RequestInfo
    method: str
    scope: Scope
    began: float
    responded: float = 0.0  # when the response began
    status: int = CLIENT_LEFT
    size: int = 0

    @property
    def route(self) -> str | None:
        """The path of its route, with names in place of values; None where no route has it."""
        route = self.scope.get("route")
        return None if route is None else str(route.path)

    @property
    def known_method(self) -> str:
        """The method, or `other`: a request may have any word for one."""
        return self.method if self.method in _METHODS else "other"

    @property
    def path(self) -> str:
        """The path, quoted, without the query."""
        return quote(self.scope["path"])

    @property
    def version(self) -> str:
        """The version of HTTP."""
        return str(self.scope.get("http_version", ""))

    @property
    def client(self) -> str:
        """Its client's address and port; empty on a Unix socket."""
        client = self.scope.get("client")
        return f"{client[0]}:{client[1]}" if client else ""

    @property
    def user_id(self) -> str | None:
        """The user whom its token names."""
        caller = self.scope["state"].get("caller")
        return None if caller is None else _text(caller.user_id)

    @property
    def question_id(self) -> str | None:
        """The id of the question that was asked, or that the path names."""
        if (asked := self.info.question_id) is not None:
            return str(asked)
        named = self.scope.get("path_params", {}).get("question_id", "")
        return named if named and _ID.fullmatch(named) else None

    @property
    def milliseconds(self) -> float:
        """The time since it came."""
        return (perf_counter() - self.began) * 1000
