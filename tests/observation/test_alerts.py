"""The dashboard and the alert rules name metrics that a server has, and promtool agrees."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support import plain_http
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.processes import ServerProcess

ROOT = Path(__file__).parents[2]
OBSERVE = ROOT / "deploy/observe"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed; Debian's package prometheus has it"
)


def promtool(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    assert PROMTOOL
    return subprocess.run(
        [PROMTOOL, *arguments], input=stdin, capture_output=True, text=True, cwd=OBSERVE, timeout=60
    )


@pytest.fixture
def page(observed: ServerProcess, fake: FakeAnthropic, new_person: NewPerson) -> str:
    """The metrics of a server that has answered, failed to, and refused."""
    alice, marker = new_person(observed), uuid4().hex
    fake.on(marker, status=529, headers={"retry-after": "0"})
    for question in ("hello", marker):
        alice.http.post("/api/questions", json={"question": question})
    login = {"email": f"{marker}@example.org", "password": "a wrong password"}
    codes = [plain_http.post(f"{observed.url}/api/auth/login", json=login) for _ in range(3)]
    assert codes[-1].status_code == 429
    text: str = plain_http.get(f"{observed.url}/metrics").text
    return text


@pytest.mark.parametrize("name", ["alerts.yaml", "dashboard.json"])
def test_each_metric_of_the_alerts_and_the_dashboard_is_on_a_servers_page(
    page: str, name: str
) -> None:
    families = text_string_to_metric_families(page)
    shown = {sample.name for family in families for sample in family.samples}
    named = set(re.findall(r"\baskcli_\w+", (OBSERVE / name).read_text()))
    assert len(named) > 10
    assert not named - shown


def test_each_alert_has_a_paragraph_and_is_seen_to_fire() -> None:
    alerts = re.findall(r"- alert: (\w+)", (OBSERVE / "alerts.yaml").read_text())
    section = (ROOT / "docs/operations.md").read_text().partition("\n## Alerts\n")[2]
    section = section.partition("\n## ")[0]
    assert re.findall(r"^\*\*(\w+)\*\* \((?:page|ticket)\)\. ", section, re.M) == alerts
    fired = re.findall(r"- alertname: (\w+)", (OBSERVE / "alerts_test.yaml").read_text())
    assert fired == alerts


@needs_promtool
def test_promtool_accepts_the_page(page: str) -> None:
    checked = promtool("check", "metrics", stdin=page)
    assert (checked.returncode, checked.stderr) == (0, "")


@needs_promtool
@pytest.mark.parametrize(
    "command",
    ["check rules alerts.yaml", "test rules alerts_test.yaml", "check config prometheus.yml"],
)
def test_promtool_accepts_the_rules_and_sees_them_fire(command: str) -> None:
    checked = promtool(*command.split())
    assert checked.returncode == 0, checked.stdout + checked.stderr
