"""Questions that this server could not send, for a fault of its own: they cost nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.servers import customized, serving
from tests.support.soak import SOAK
from tests.support.waiting import eventually

# The SDK, and the packages that come with it and with nothing else of the server.
_SDK = ("anthropic", "aiohttp", "aiosignal", "aiohappyeyeballs", "attr", "attrs", "distro")
SDK = (*_SDK, "docstring_parser", "frozenlist", "jiter", "multidict", "propcache", "yarl")
# Its parts that take half of its import.
_KEPT = ("_compat", "_models", "_types", "_utils", "types")
KEPT = () if SOAK else tuple(f"anthropic.{name}" for name in _KEPT)
OURS = tuple(
    f"askcli.answerers.messages_api.{name}" for name in ("clients", "connections", "requests")
)
# A forked server has them loaded: another start would load everything else again, too.
UNLOADED = f"""
import sys

for name in list(sys.modules):
    is_of_sdk = name.partition(".")[0] in {SDK} and not name.startswith({KEPT})
    if is_of_sdk or name in {OURS}:
        del sys.modules[name]
"""
# A file of aiohttp cannot be opened as long as there is a file of this name.
UNREADABLE = """
import errno, importlib.machinery, pathlib

read = importlib.machinery.SourceFileLoader.get_data

def failing(self, path):
    if self.name == "aiohttp.http_writer" and pathlib.Path(__file__).with_name("broken").exists():
        raise OSError(errno.EMFILE, "Too many open files", path)
    return read(self, path)

importlib.machinery.SourceFileLoader.get_data = failing
"""
SHORT_OF_MEMORY = UNREADABLE.replace("raise OSError(errno.EMFILE,", "raise MemoryError(")
# As long as there is a file of this name, no thread can be started to wait for.
NO_THREADS = """
import asyncio, pathlib

to_thread = asyncio.to_thread

async def failing(*arguments):
    if pathlib.Path(__file__).with_name("broken").exists():
        raise RuntimeError("can't start new thread")
    return await to_thread(*arguments)

asyncio.to_thread = failing
"""


def ask(person: Person, key: str) -> tuple[int, dict[str, Any]]:
    headers = {"idempotency-key": key}
    response = person.http.post("/api/questions", json={"question": key}, headers=headers)
    return response.status_code, response.json()


# Each case imports the SDK three times.
CASES = {"files-sqlite": (UNREADABLE, "sqlite")}
if SOAK:
    CASES |= {"files-postgres": (UNREADABLE, "postgres"), "threads-sqlite": (NO_THREADS, "sqlite")}
    CASES |= {"threads-postgres": (NO_THREADS, "postgres")}


@pytest.mark.parametrize(("code", "kind"), CASES.values(), ids=CASES)
def test_a_question_that_the_sdk_could_not_be_loaded_for_is_asked_under_its_key(
    new_database: NewDatabase,
    fake: FakeAnthropic,
    new_person: NewPerson,
    tmp_path: Path,
    code: str,
    kind: str,
) -> None:
    (broken := tmp_path / "broken").touch()
    url = new_database(kind)
    server = serving(tmp_path, fake, url, **customized(tmp_path, UNLOADED + code))
    person, key = new_person(server), uuid4().hex
    eventually(lambda: any("could not be warmed" in line for line in server.log))
    status, problem = ask(person, key)  # loads it a second time
    assert (status, problem["code"]) == (502, "provider_failed")
    assert "could not load" in problem["detail"]
    (usage,) = person.http.get("/api/users/me/usage").json()["items"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["cost_usd"]) == (0, 0, 0)
    broken.unlink()
    status, question = ask(person, key)
    assert (status, question["id"]) == (201, problem["question_id"])
    assert len(fake.asked(key)) == 1
    assert server.stop() == 0
    assert any("the SDK cannot be loaded" in line for line in server.log)


def test_a_server_that_lacked_memory_to_load_the_sdk_ends_as_it_cannot_load_it_again(
    new_database: NewDatabase, fake: FakeAnthropic, tmp_path: Path
) -> None:
    (tmp_path / "broken").touch()
    more = customized(tmp_path, UNLOADED + SHORT_OF_MEMORY)
    server = serving(tmp_path, fake, new_database("sqlite"), **more)
    assert server._process.wait(60) == 1
    eventually(lambda: "give it more memory" in server.log[-1])
    assert server.stop() == 1
