"""What deploy/compose.yaml publishes, and how its servers follow one another."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import yaml

from tests.support.documents import ROOT, blocks

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_compose_publishes_its_ports_to_this_machine_alone() -> None:
    ports = {port for one in COMPOSE["services"].values() for port in one.get("ports", ())}
    grafana, balancer = sorted(ports, key=lambda port: port.startswith("$"))
    assert grafana.startswith("127.0.0.1:")
    assert balancer.startswith("${ASKCLI_BIND:-127.0.0.1}:")


def test_a_migration_that_cannot_succeed_ends_the_start() -> None:
    """Compose waits for its end, and one that is restarted for ever has none."""
    assert re.fullmatch(r"on-failure:\d+", COMPOSE["services"]["migrate"]["restart"])


def test_the_documented_upgrade_stops_the_old_servers_once_new_ones_serve(tmp_path: Path) -> None:
    docker, log = tmp_path / "docker", tmp_path / "log"
    docker.write_text(f'#!/bin/sh\necho "$@" >> {log}\ncase "$*" in *" ps "*) echo a; esac\n')
    docker.chmod(0o755)
    (script,) = blocks("docs/operations.md", "sh upgrade")
    subprocess.run(["/bin/bash", "-e", "-c", script], check=True, env={"PATH": str(tmp_path)})
    calls = log.read_text().replace("compose -f deploy/compose.yaml ", "").splitlines()
    assert [call.split()[0] for call in calls] == ["build", "run", "ps", "up", "stop", "rm", "up"]
    assert calls[4] == "stop a"
    (count,) = re.findall(r"--wait --no-recreate --scale askcli=(\d+)", calls[3])
    assert int(count) == 2 * COMPOSE["services"]["askcli"]["deploy"]["replicas"]
    (places,) = re.findall(
        r"server-template askcli (\d+)", (DEPLOY / "proxies/haproxy.cfg").read_text()
    )
    assert int(count) <= int(places)
