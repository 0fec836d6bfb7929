"""The API against its own OpenAPI document: generated requests, good and bad, and chains of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import PASSWORD, SOAK, add_user
from tests.support.processes import ServerProcess
from tests.test_survival import report

ST = str(Path(sys.executable).with_name("st"))
SUPPORT = Path(__file__).parent / "support" / "schemathesis"
EXAMPLES = "300" if SOAK else "2"


def test_the_api_does_what_its_document_says(server: ServerProcess) -> None:
    """All checks, all phases, logged in; the seed fixed, so that it is the same each time."""
    environment = os.environ | {
        "API_URL": server.url,
        "EMAIL": add_user(server),
        "PASSWORD": PASSWORD,
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": str(SUPPORT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [ST, "run", f"{server.url}/openapi.json", "--checks", "all", "--seed", "1"]
        + ["--max-examples", EXAMPLES, "--no-color", "--generation-database", "none"],
        cwd=SUPPORT, env=environment, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    (phases,) = re.findall(r"Test Phases:\n(.*?)\n\n", done.stdout, re.DOTALL)
    assert phases.count("✅") == 4, phases
    generated = re.findall(r"(\d+) generated, (\d+) passed", done.stdout)
    assert generated, done.stdout[-1000:]
    report(f"schemathesis, {EXAMPLES} examples: {generated[0]} generated and passed")
