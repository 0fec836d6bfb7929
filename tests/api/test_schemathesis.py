"""The API against its own document: generated requests, good and bad, and chains of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import add_user
from tests.support.secrets import PASSWORD
from tests.support.servers import serving
from tests.support.soak import SOAK, report

ST = str(Path(sys.executable).with_name("st"))


SUPPORT = Path(__file__).parents[1] / "support" / "schemathesis"
EXAMPLES, PHASES = ("300", 4) if SOAK else ("1", 3)
# What covers each constraint of the document is the soak's, and what is made up for bodies, for
# whose first one the generator takes a second: of these, the suite sends the document's examples.
MORE = [] if SOAK else ["--phases", "examples,fuzzing,stateful"]
LESS = """
[[operations]]
include-method = "POST"
exclude-name = "POST /api/auth/logout"
phases.fuzzing.enabled = false
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgres"] if SOAK else ["sqlite"])
def test_the_api_does_what_its_document_says(
    kind: str, new_database: NewDatabase, fake: FakeAnthropic, tmp_path: Path
) -> None:
    """All checks, logged in; the seed fixed, so that it is the same each time."""
    server = serving(tmp_path, fake, new_database(kind))
    environment = os.environ | {
        "API_URL": server.url,
        "EMAIL": add_user(server),
        "PASSWORD": PASSWORD,
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": str(SUPPORT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    config = tmp_path / "schemathesis.toml"
    config.write_text((SUPPORT / config.name).read_text() + ("" if SOAK else LESS))
    done = subprocess.run(
        [ST, "--config-file", str(config),
         "run", f"{server.url}/openapi.json", "--checks", "all", "--seed", "1", "--no-color",
         "--max-examples", EXAMPLES, "--generation-database", "none", *MORE],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    (phases,) = re.findall(r"Test Phases:\n(.*?)\n\n", done.stdout, re.DOTALL)
    assert phases.count("✅") == PHASES, phases
    (selected, tested) = re.findall(r"(?:Selected|Tested): (\d+)", done.stdout)
    assert selected == tested, done.stdout[-1000:]
    generated = re.findall(r"(\d+) generated, (\d+) passed", done.stdout)
    assert generated, done.stdout[-1000:]
    assert server.stop() == 0
    error = server.first_error()
    assert not error, error
    report(f"schemathesis on {kind}, {EXAMPLES} examples: {generated[0]} generated and passed")
