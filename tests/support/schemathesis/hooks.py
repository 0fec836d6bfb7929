"""What schemathesis has to know of us: how to log in, and that an idempotency key is used once."""

from __future__ import annotations

import os
from typing import Any
from uuid import uuid4

import httpx2
import schemathesis

HTTP = httpx2.Client(verify=False, trust_env=False)  # one for all: it takes time to make


@schemathesis.auth(refresh_interval=None)  # anew each time: some requests end the session
class Login:
    """Logs in as the user of the environment."""

    def get(self, case: Any, context: Any) -> str:
        body = {"email": os.environ["EMAIL"], "password": os.environ["PASSWORD"]}
        url = f"{os.environ['API_URL']}/api/auth/login"
        tokens = HTTP.post(url, json=body).json()
        return str(tokens["access_token"])

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """One key for two different questions is refused, as no document can say."""
    for name, value in dict(case.headers or {}).items():
        if name.lower() == "idempotency-key" and 0 < len(str(value)) <= 160:
            case.headers[name] = f"{value}{uuid4().hex}"
