"""The routers: each checks its callers and bodies in the same way."""

from __future__ import annotations

from askcli.server.http.route import Route
from askcli.server.routes import (
    auth,
    conversations,
    health,
    history,
    models,
    questions,
    sessions,
    tokens,
    users,
)


def test_every_route_checks_its_caller_before_the_body() -> None:
    people, asking = (users, auth, sessions, tokens), (questions, history, conversations, models)
    modules = (*people, *asking, health)
    routes = [route for module in modules for route in module.router.routes]
    assert len(routes) == 29
    assert [route for route in routes if not isinstance(route, Route)] == []
