"""Quotas: what a user may spend, enforced before the model is called."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import insert

from askcli.services.clock import new_id
from askcli.services.usage.metering import estimate_tokens
from askcli.services.usage.quotas import periods
from askcli.store.tables import usage
from tests.support.cli import Cli, NewCli
from tests.support.databases import database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess
from tests.support.servers import serving
from tests.support.soak import SOAK
from tests.support.streams import STREAM
from tests.support.usage import settled, used
from tests.support.waiting import eventually


def test_what_the_provider_reports_is_counted(server: ServerProcess, alice: Person) -> None:
    question = alice.ask("what does it cost").json()
    (row,) = used(server, alice)
    assert row["settled"]
    assert (row["input_tokens"], row["output_tokens"]) == (11, question["output_tokens"])
    assert row["cost_usd"] == question["cost_usd"] > 0
    assert alice.http.delete(f"/api/questions/{question['id']}").status_code == 204
    assert used(server, alice) == [row]  # who deletes a question has had its answer


def test_input_that_is_reported_with_the_end_alone_is_counted(
    server: ServerProcess, alice: Person, fake: FakeAnthropic
) -> None:
    """As by gateways to other APIs: they begin an answer with a count of 0."""
    marker = uuid4().hex

    def at_the_end(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        (end,) = (one for one in events if one["type"] == "message_delta")
        end["usage"]["input_tokens"] = 250
        return events

    fake.on(marker, "so", input_tokens=0, edit=at_the_end)
    question = alice.ask(marker).json()
    assert question["input_tokens"] == 250
    (row,) = used(server, alice)
    assert (row["input_tokens"], row["cost_usd"]) == (250, question["cost_usd"])


def test_input_that_is_not_reported_of_a_cancelled_answer_costs_what_was_reserved(
    server: ServerProcess, alice: Person, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", input_tokens=0, hold_after=1)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(alice.ask, marker)
        eventually(lambda: [row for row in alice.questions(alice.http) if row["answer"]])
        (question,) = alice.questions(alice.http)
        alice.http.post(f"/api/questions/{question['id']}/cancel").raise_for_status()
        asked.result()
        reply.release()
    (row,) = eventually(lambda: [row for row in used(server, alice) if row["settled"]])
    assert row["input_tokens"] == estimate_tokens(marker) + estimate_tokens(None)


def test_an_answer_under_a_gateways_name_of_the_model_costs_what_is_counted(
    server: ServerProcess, alice: Person, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex

    def renamed(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        events[0]["message"]["model"] = "anthropic/claude"
        return events

    fake.on(marker, "so", edit=renamed)
    question = alice.ask(marker).json()
    assert question["model"] == "anthropic/claude"
    (row,) = used(server, alice)
    assert question["cost_usd"] == row["cost_usd"] > 0


def test_a_used_up_quota_is_told_before_the_model_is_asked(
    server: ServerProcess, alice: Person, host: Cli, fake: FakeAnthropic
) -> None:
    assert host.in_process("users", "quota", alice.email, "--tokens-day", "15").code == 0
    assert alice.ask("the first").status_code == 201
    marker = uuid4().hex
    answer = alice.ask(marker)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (429, "quota_exceeded")
    quota = problem["quota"]
    spent = sum(row["input_tokens"] + row["output_tokens"] for row in used(server, alice))
    quota_fields = (quota["unit"], quota["period"], quota["limit"], quota["used"], quota["left"])
    assert quota_fields == ("tokens", "day", 15, spent, 0)
    resets_at = datetime.fromisoformat(quota["resets_at"])
    assert (resets_at.hour, resets_at.minute) == (0, 0)
    seconds = (resets_at - datetime.now(UTC)).total_seconds()
    assert abs(int(answer.headers["retry-after"]) - seconds) < 60
    assert fake.asked(marker) == []
    assert len(used(server, alice)) == 1
    items = alice.http.get("/api/users/me/questions").json()["items"]
    assert marker not in [item["question"] for item in items]  # it was not stored either


@pytest.mark.parametrize("flag", ["--tokens-month", "--usd-day", "--usd-month"])
def test_each_kind_of_quota_counts(alice: Person, host: Cli, flag: str) -> None:
    amount = "1" if flag == "--tokens-month" else "0.000001"
    assert host.in_process("users", "quota", alice.email, flag, amount).code == 0
    assert alice.ask("the first").status_code == 201
    refused = alice.ask("the second").json()
    assert refused["code"] == "quota_exceeded"
    assert refused["quota"]["period"] == flag.rpartition("-")[2]
    assert ("Your quota of $0.000001 a " in refused["detail"]) == flag.startswith("--usd")
    assert amount in host.in_process("users", "quota", alice.email).out
    assert host.in_process("users", "quota", alice.email, flag, "none").code == 0
    assert alice.ask("the third").status_code == 201


def test_a_day_and_a_month_begin_in_utc() -> None:
    day, month = periods(datetime(2026, 3, 31, 23, 59, 59, 5, tzinfo=UTC))
    end = datetime(2026, 4, 1, tzinfo=UTC)
    assert day == (datetime(2026, 3, 31, tzinfo=UTC), end)
    assert month == (datetime(2026, 3, 1, tzinfo=UTC), end)


def test_yesterday_and_last_month_do_not_count_today(
    server: ServerProcess, alice: Person, host: Cli
) -> None:
    (day, _), (month, _) = periods(datetime.now(UTC))
    row = {"user_id": UUID(alice.id), "model": "m", "output_tokens": 0, "cost_usd": 1.0}
    with database_of(server) as connection:
        for moment, tokens in ((month.replace(year=month.year - 1), 1000), (month, 10), (day, 1)):
            times = {"question_id": new_id(), "created_at": moment, "settled": True}
            connection.execute(insert(usage).values(**row, **times, input_tokens=tokens))
    quotas = json.loads(host.in_process("users", "quota", alice.email, "--json").out)
    assert quotas["tokens_month"]["used"] == 11
    assert quotas["tokens_day"]["used"] == (11 if day == month else 1)
    assert quotas["usd_day"] == {"limit": None, "used": 2.0 if day == month else 1.0}


def test_what_is_dated_after_today_counts_on_its_own_day(
    server: ServerProcess, alice: Person, host: Cli
) -> None:
    """As questions are that were asked while the clock was ahead."""
    row = {"user_id": UUID(alice.id), "model": "m", "output_tokens": 0, "cost_usd": 1.0}
    with database_of(server) as connection:
        for days, tokens in ((400, 1000), (0, 1)):
            moment = datetime.now(UTC) + timedelta(days=days)
            times = {"question_id": new_id(), "created_at": moment, "settled": True}
            connection.execute(insert(usage).values(**row, **times, input_tokens=tokens))
    quotas = json.loads(host.in_process("users", "quota", alice.email, "--json").out)
    assert [quotas[name]["used"] for name in ("tokens_day", "tokens_month")] == [1, 1]
    users = json.loads(host.in_process("users", "list", "--spending", "--json").out)["items"]
    (listed,) = (user["quota"] for user in users if user["email"] == alice.email)
    assert listed["tokens_day"]["used"] == 1


def test_a_sum_of_costs_has_no_more_digits_than_they_have(
    server: ServerProcess, alice: Person
) -> None:
    row = {"user_id": UUID(alice.id), "model": "m", "input_tokens": 1, "output_tokens": 0}
    row |= {"cost_usd": 0.1, "created_at": datetime.now(UTC), "settled": True}
    with database_of(server) as connection:
        for _ in range(3):
            connection.execute(insert(usage).values(**row, question_id=new_id()))
    (item,) = alice.http.get("/api/users/me/usage").json()["items"]
    assert item["cost_usd"] == 0.3  # 0.1 + 0.1 + 0.1 is 0.30000000000000004


MANY = 100 if SOAK else 24


def test_many_questions_at_once_overspend_by_one_at_most(
    server: ServerProcess, twin: ServerProcess, alice: Person, host: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    reply = fake.on(marker, "short", hold_after=0)
    limit, reservation = 2500, 1000
    assert host.in_process("users", "quota", alice.email, "--tokens-day", str(limit)).code == 0

    def ask(number: int) -> int:
        body = {"question": f"{marker} {number}", "max_tokens": reservation}
        with (
            alice.at(twin if number % 2 else server) as http,
            http.stream("POST", "/api/questions", json=body, headers=STREAM) as response,
        ):
            if response.status_code == 429:
                response.read()
                assert response.json()["detail"].endswith("when one of these has ended.")
                assert 0 < int(response.headers["retry-after"]) <= 10
            return response.status_code

    with ThreadPoolExecutor(MANY) as pool:
        statuses = list(pool.map(ask, range(MANY)))
    assert sorted(set(statuses)) == [200, 429]
    reserved = [row["input_tokens"] + row["output_tokens"] for row in used(server, alice)]
    assert len(reserved) == statuses.count(200) == 3
    assert limit <= sum(reserved) < limit + max(reserved)
    reply.release()
    spent = settled(server, alice)
    assert sum(row["input_tokens"] + row["output_tokens"] for row in spent) < 100
    assert alice.ask("there is room again", max_tokens=reservation).status_code == 201


@pytest.mark.parametrize("end", ["cancel", "delete"])
def test_breaking_off_an_answer_is_not_free(
    server: ServerProcess, alice: Person, fake: FakeAnthropic, end: str
) -> None:
    marker = uuid4().hex
    reply = fake.on(marker, "many words " * 100, "and the end", hold_after=1)
    body = {"question": marker}
    with alice.http.stream("POST", "/api/questions", json=body, headers=STREAM) as response:
        events = iter(httpx2.EventSource(response))
        question = json.loads(next(events).data)["id"]
        next(events)
    path = f"/api/questions/{question}"
    done = alice.http.delete(path) if end == "delete" else alice.http.post(f"{path}/cancel")
    assert done.status_code in (200, 204)
    (row,) = settled(server, alice)
    reply.release()
    assert row["input_tokens"] == 11
    assert row["output_tokens"] > 300  # estimated: the provider did not say
    assert row["cost_usd"] > 0


def test_breaking_off_before_the_first_event_is_not_free_either(
    server: ServerProcess, alice: Person, fake: FakeAnthropic
) -> None:
    """The provider has the whole prompt by then, and bills it."""
    marker = uuid4().hex
    reply = fake.on(marker, "never heard", hold_after=-1)
    body = {"question": f"{marker} {'many words ' * 1000}"}
    with alice.http.stream("POST", "/api/questions", json=body, headers=STREAM) as response:
        question = json.loads(next(iter(httpx2.EventSource(response))).data)["id"]
        assert reply.reached.wait(10)
    assert alice.http.post(f"/api/questions/{question}/cancel").status_code == 200
    (row,) = settled(server, alice)
    reply.release()
    assert row["input_tokens"] > 3000
    assert row["cost_usd"] > 0


def test_what_failed_before_the_model_answered_costs_nothing(
    server: ServerProcess, alice: Person, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    fake.on(marker, status=400)
    assert alice.ask(marker).status_code == 502
    (row,) = settled(server, alice)
    assert (row["input_tokens"], row["output_tokens"], row["cost_usd"]) == (0, 0, 0)


def test_an_unknown_price_is_null_and_no_way_around_a_quota_in_dollars(
    sqlite_server: ServerProcess,
    fake: FakeAnthropic,
    new_person: NewPerson,
    new_cli: NewCli,
    tmp_path: Path,
) -> None:
    host = new_cli(DB_CONN_STRING=sqlite_server.database_url)
    process = serving(tmp_path, fake, sqlite_server.database_url, ASKCLI_MODEL="unheard-of-9")
    person = new_person(process)
    assert person.ask("what does it cost").json()["cost_usd"] is None
    assert used(sqlite_server, person)[0]["cost_usd"] is None
    assert host.in_process("users", "quota", person.email, "--usd-day", "5").code == 0
    refused = person.ask("and now")
    assert (refused.status_code, refused.json()["code"]) == (403, "model_unpriced")
    assert process.stop() == 0


def test_the_servers_quota_is_everybodys_who_has_no_other(
    sqlite_server: ServerProcess,
    fake: FakeAnthropic,
    new_person: NewPerson,
    new_cli: NewCli,
    tmp_path: Path,
) -> None:
    host = new_cli(DB_CONN_STRING=sqlite_server.database_url)
    process = serving(tmp_path, fake, sqlite_server.database_url, ASKCLI_QUOTA_TOKENS_DAY="1")
    ada, bob = new_person(process), new_person(process)
    assert [ada.ask("one").status_code, ada.ask("two").status_code] == [201, 429]
    assert host.in_process("users", "quota", bob.email, "--tokens-day", "none").code == 0
    assert [bob.ask("one").status_code, bob.ask("two").status_code] == [201, 201]
    assert host.in_process("users", "quota", bob.email, "--tokens-day", "default").code == 0
    assert bob.ask("three").status_code == 429
    assert process.stop() == 0


def test_a_quota_at_the_command_line(cli: Cli, host: Cli) -> None:
    email = json.loads(cli("whoami", "--json").out)["email"]
    assert host.in_process("users", "quota", email, "--tokens-day", "0").code == 0
    done = cli("ask", "anything")
    assert done.code == 7
    assert "quota of 0 tokens a day" in done.err
    assert json.loads(cli("ask", "--json", "x").err)["error"]["quota"]["left"] == 0
    assert "no quota" in host.in_process("users", "quota", email).out
    assert host.in_process("users", "quota", email, "--usd-day", "much").code == 2
    assert host.in_process("users", "quota", "nobody@example.org").code == 1
