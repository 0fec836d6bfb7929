"""An access token is verified once; its times are compared each time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import jwt
import pytest

from askcli.errors import InvalidToken, TokenExpired
from askcli.services.auth.tokens import Login, Tokens
from askcli.services.clock import new_id
from tests.support.secrets import SECRET


def test_a_signature_is_verified_once_and_the_times_each_time() -> None:
    tokens, login = Tokens(SECRET, None, 900), Login(new_id(), new_id())
    token = tokens.access(login, 3, datetime.now(UTC))
    with patch.object(jwt, "decode", wraps=jwt.decode) as decode:
        assert [tokens.verify(token) for _ in range(3)] == [(login, 3)] * 3
        assert decode.call_count == 1
        with pytest.raises(InvalidToken):
            tokens.verify(token[:-4] + "AAAA")
        for ahead, refusal in ((1000, TokenExpired), (-1000, InvalidToken)):
            moved = datetime.now(UTC) + timedelta(seconds=ahead)
            with (
                patch.object(time, "time", return_value=time.time() + ahead),
                patch("jwt.api_jwt.datetime") as clock,
                pytest.raises(refusal),
            ):
                clock.now.return_value = moved
                tokens.verify(token)
