"""What the limits on logins do not tell of an account to those who are not logged in."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import httpx2

from tests.support.fake_anthropic import FakeAnthropic
from tests.support.limits import DEFAULT, an_address, coming_from, login
from tests.support.people import add_user
from tests.support.processes import ServerProcess
from tests.support.secrets import PASSWORD
from tests.support.servers import serving

TRIES = 8


def names(answers: list[httpx2.Response]) -> set[str]:
    """The limits that are reported."""
    return {answer.headers.get("ratelimit", "").split(";")[0] for answer in answers}


def test_no_limit_whose_exemption_tells_of_an_account_is_reported(
    server: ServerProcess, fake: FakeAnthropic, tmp_path: Path
) -> None:
    limited = serving(
        tmp_path, fake, server.database_url, **DEFAULT | {"ASKCLI_ACCOUNT_LIMIT": "4/3600"}
    )
    known, unknown = add_user(limited), f"{uuid4().hex}@example.org"
    with coming_from(limited, an_address()) as http:
        assert login(http, known, PASSWORD).status_code == 200
        for email in (known, unknown):
            answers = [login(http, email, f"guess {n} at it") for n in range(TRIES)]
            assert names(answers) == {'"login"'}
    assert limited.stop() == 0


def test_the_limit_of_a_site_is_not_reported_where_an_account_may_be_exempt_from_it(
    server: ServerProcess, fake: FakeAnthropic, tmp_path: Path
) -> None:
    limited = serving(
        tmp_path, fake, server.database_url, **DEFAULT | {"ASKCLI_ADDRESS_LIMIT": "1/3600"}
    )
    site, answers = an_address().rpartition(".")[0], []
    for number in range(12):
        with coming_from(limited, f"{site}.{1 + number}") as http:
            answers.append(login(http, f"{uuid4().hex}@example.org", "a guess at it"))
    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    assert names(answers) <= {'"address"', ""}
    assert limited.stop() == 0


def test_a_refusal_by_the_limit_of_an_account_does_not_say_which_it_is(
    server: ServerProcess, fake: FakeAnthropic, tmp_path: Path
) -> None:
    more = DEFAULT | {"ASKCLI_ACCOUNT_LIMIT": "4/3600", "ASKCLI_LOGIN_LIMIT": "50/300"}
    limited = serving(tmp_path, fake, server.database_url, **more)
    with coming_from(limited, an_address()) as http:
        email = f"{uuid4().hex}@example.org"
        answers = [login(http, email, f"guess {n} at it") for n in range(TRIES)]
    assert [answer.status_code for answer in answers] == [401] * 4 + [429] * (TRIES - 4)
    refused = answers[-1]
    assert refused.json()["detail"] == "Too many attempts; try again later."
    assert refused.headers["ratelimit"].startswith('"login"')
    assert int(refused.headers["retry-after"]) > 0
    assert limited.stop() == 0
