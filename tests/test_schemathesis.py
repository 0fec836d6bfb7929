"""The API against its own document: generated requests, good and bad, and chains of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from askcli.store import migrations
from askcli.store.database import Database
from tests.conftest import PASSWORD, SOAK, add_user, serving
from tests.support.fake_anthropic import FakeAnthropic
from tests.test_survival import report

ST = str(Path(sys.executable).with_name("st"))
SUPPORT = Path(__file__).parent / "support" / "schemathesis"
EXAMPLES, PHASES = ("300", 4) if SOAK else ("3", 3)
# What covers each constraint of the document once and twice is the soak's: it is most of the time.
MORE = [] if SOAK else ["--phases", "examples,fuzzing,stateful"]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"] if SOAK else ["sqlite"])
def test_the_api_does_what_its_document_says(
    kind: str, new_database: Any, fake: FakeAnthropic, tmp_path: Path
) -> None:
    """All checks, logged in; the seed fixed, so that it is the same each time."""
    database = Database(new_database(kind))
    migrations.upgrade(database)
    database.close()
    url = database.url.render_as_string(hide_password=False).replace("+psycopg", "")
    server = serving(tmp_path, fake, url)
    environment = os.environ | {
        "API_URL": server.url,
        "EMAIL": add_user(server),
        "PASSWORD": PASSWORD,
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": str(SUPPORT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [ST, "run", f"{server.url}/openapi.json", "--checks", "all", "--seed", "1", "--no-color",
         "--max-examples", EXAMPLES, "--generation-database", "none", *MORE],
        cwd=SUPPORT, env=environment, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    (phases,) = re.findall(r"Test Phases:\n(.*?)\n\n", done.stdout, re.DOTALL)
    assert phases.count("✅") == PHASES, phases
    generated = re.findall(r"(\d+) generated, (\d+) passed", done.stdout)
    assert generated, done.stdout[-1000:]
    assert server.stop() == 0
    assert not [line for line in server.log if "ERROR" in line]
    report(f"schemathesis on {kind}, {EXAMPLES} examples: {generated[0]} generated and passed")
