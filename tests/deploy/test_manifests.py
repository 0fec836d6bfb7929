"""What the files of deploy/ say of the server is so; their schemas: `make deploy-check`."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from askcli import __version__
from askcli.server.process.running import KEEP_ALIVE_SECONDS
from askcli.settings import Settings, variable_name
from tests.support import plain_http
from tests.support.documents import ROOT, blocks
from tests.support.processes import ServerProcess

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
RENDER = yaml.safe_load((ROOT / "render.yaml").read_text())
STOP_SECONDS = Settings().drain_seconds + 10


@cache
def documents() -> list[dict[str, Any]]:
    """What the files for Kubernetes hold, of all overlays together."""
    files = sorted((DEPLOY / "kubernetes").rglob("*.yaml"))
    return [one for path in files for one in yaml.safe_load_all(path.read_text())]


def objects(kind: str) -> list[dict[str, Any]]:
    """The Kubernetes objects of a kind."""
    return [one for one in documents() if one["kind"] == kind]


def pods() -> Iterator[dict[str, Any]]:
    for kind in ("Deployment", "Job", "StatefulSet"):
        for one in objects(kind):
            yield one["spec"]["template"]["spec"]


def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["containers"]
    return dict(only)


def named_settings() -> dict[str, set[str]]:
    """The variables of askcli that each kind of file sets."""
    units = "".join(path.read_text() for path in (DEPLOY / "systemd").iterdir())
    literals = re.findall(
        r"- (\w+)=", "".join(p.read_text() for p in DEPLOY.rglob("kustomization.yaml"))
    )
    servers = [pod for pod in pods() if container(pod)["image"] == "askcli"]
    variables = [one["name"] for pod in servers for one in container(pod)["env"]]
    compose = [set(COMPOSE["services"][name]["environment"]) for name in ("askcli", "migrate")]
    return {
        "compose": set.union(*compose),
        "render": {one["key"] for one in RENDER["services"][0]["envVars"]},
        "kubernetes": {*variables, *literals},
        "systemd": set(re.findall(r"^Environment=(\w+)=", units, re.M)),
    }


def test_every_variable_is_a_setting() -> None:
    fields = Settings.__dataclass_fields__.values()
    plain = {variable_name(one.name) for one in fields if one.metadata}
    secret = {variable_name(one.name) for one in fields if one.metadata.get("secret")}
    known = plain | {f"{name}_FILE" for name in secret} | {"XDG_RUNTIME_DIR"}
    named = named_settings()
    for place, names in named.items():
        assert names <= known, place
        given = {name.removesuffix("_FILE") for name in names}
        assert {"DB_CONN_STRING", "JWT_SECRET", "ANTHROPIC_API_KEY"} <= given, place


def test_what_stops_a_server_lets_its_answers_finish() -> None:
    (pod,) = (one["spec"]["template"]["spec"] for one in objects("Deployment"))
    leaving = container(pod)["lifecycle"]["preStop"]["sleep"]["seconds"]
    units = "".join(
        (DEPLOY / "systemd" / name).read_text() for name in ("askcli.service", "postgresql.conf")
    )
    alone, on_postgres = re.findall(r"^TimeoutStopSec=(\d+)$", units, re.M)
    (unit_leaving,) = re.findall(r"^Environment=ASKCLI_LEAVE_SECONDS=(\d+)$", units, re.M)
    service = COMPOSE["services"]["askcli"]
    compose_leaving = service["environment"]["ASKCLI_LEAVE_SECONDS"]
    seconds = {
        "kubernetes": pod["terminationGracePeriodSeconds"] - leaving,
        "compose": int(service["stop_grace_period"].removesuffix("s")) - compose_leaving,
        "render": RENDER["services"][0]["maxShutdownDelaySeconds"],
        "systemd": int(alone),
        "systemd on PostgreSQL": int(on_postgres) - int(unit_leaving),
    }
    assert {place: value for place, value in seconds.items() if value < STOP_SECONDS} == {}


def test_the_databases_have_connections_for_all_servers() -> None:
    """As many as HAProxy takes, or the autoscaler with those of a new version beside them."""
    (postgres,) = objects("StatefulSet")
    (autoscaler,) = objects("HorizontalPodAutoscaler")
    (places,) = re.findall(
        r"server-template askcli (\d+)", (DEPLOY / "proxies/haproxy.cfg").read_text()
    )
    of_cluster = container(postgres["spec"]["template"]["spec"])
    arguments = {
        int(places): COMPOSE["services"]["postgres"].get("command", ()),
        1 + 2 * autoscaler["spec"]["maxReplicas"]: of_cluster["args"],
    }
    for servers, given in arguments.items():
        (most,) = re.findall(r"max_connections=(\d+)", " ".join(given))
        # Three are the superuser's; host commands and a backup have some.
        assert int(most) >= servers * Settings().database_connections + 10


def test_a_unit_is_started_again_after_a_reload_that_came_too_early() -> None:
    """Before a handler is there the signal ends the program, for systemd with success."""
    unit = (DEPLOY / "systemd/askcli.service").read_text()
    assert "\nExecReload=kill -HUP $MAINPID\n" in unit
    assert "\nRestartForceExitStatus=SIGHUP\n" in unit


def test_what_waits_for_a_server_waits_as_long_as_an_answer_may_take() -> None:
    nginx = (DEPLOY / "proxies/nginx.conf").read_text()
    haproxy = (DEPLOY / "proxies/haproxy.cfg").read_text()
    (ingress,) = objects("Ingress")
    prefix = "nginx.ingress.kubernetes.io/"
    waits = [
        *re.findall(r"proxy_read_timeout (\d+)s", nginx),
        *re.findall(r"timeout (?:client|server) (\d+)s", haproxy),
        ingress["metadata"]["annotations"][f"{prefix}proxy-read-timeout"],
    ]
    assert len(waits) == 4
    # Load balancers of clouds.
    pages = "".join((ROOT / f"docs/{name}.md").read_text() for name in ("operations", "scale"))
    clouds = re.findall(r"(?:time-out(?: is)? |timeout_seconds=|timeoutSec: )(\d{2,})", pages)
    assert len(clouds) == 5
    waits += clouds
    assert min(map(int, waits)) > Settings().answer_seconds
    # A proxy closes an idle connection before the server does.
    idle = re.findall(r"keepalive_timeout (\d+)s", nginx)
    idle += re.findall(r"^\s+keepalive (\d+)s", (DEPLOY / "proxies/Caddyfile").read_text(), re.M)
    assert len(idle) == 2
    assert max(map(int, idle)) < KEEP_ALIVE_SECONDS


def test_the_ingress_routes_all_of_the_docs_page(sqlite_server: ServerProcess) -> None:
    """With rules for the API, its description and the page itself, and none for its files."""
    (ingress,) = objects("Ingress")
    (rule,) = ingress["spec"]["rules"]
    page = plain_http.get(f"{sqlite_server.url}/docs").text
    loads = re.findall(r"""(?:href|src)="(/[^"]+)"|url: '(/[^']+)'""", page)
    paths = [one or other for one, other in loads]
    assert len(paths) == 4  # script, style, icon and description
    for path in paths:
        assert plain_http.get(f"{sqlite_server.url}{path}").status_code == 200, path
        assert any(
            path == one["path"]
            or (one["pathType"] == "Prefix" and path.startswith(f"{one['path']}/"))
            for one in rule["http"]["paths"]
        ), path


def test_an_annotation_of_the_ingress_gets_into_every_overlay() -> None:
    """docs/k3s.md has one added, for cert-manager."""
    overlays = [one for one in objects("Kustomization") if "patches" in one]
    assert len(overlays) == 2
    for overlay in overlays:
        for patch in overlay["patches"]:
            assert "/metadata/annotations" not in patch["patch"]


def test_a_certificate_may_be_asked_for_over_http() -> None:
    """By cert-manager, whose pod for it the ingress controller reaches as it does servers."""
    policies = {one["metadata"]["name"]: one["spec"] for one in objects("NetworkPolicy")}
    solver = policies["certificates"]
    labels = {"acme.cert-manager.io/http01-solver": "true"}
    assert solver["podSelector"]["matchLabels"] == labels
    (rule,) = solver["ingress"]
    assert rule["ports"] == [{"port": 8089}]
    assert rule["from"] == policies["askcli"]["ingress"][0]["from"]
    # k3s has its controller in another namespace: for both.
    patches = [patch for one in objects("Kustomization") for patch in one.get("patches", ())]
    targets = [one["target"]["name"] for one in patches if "/spec/ingress/0/from" in one["patch"]]
    assert targets == ["askcli|certificates"]


def test_every_pod_is_restricted() -> None:
    """Kubernetes' Pod Security Standard `restricted`, and a read-only root on top of it."""
    count = 0
    for pod in pods():
        count += 1
        security, own = pod["securityContext"], container(pod)["securityContext"]
        assert security["runAsNonRoot"]
        assert security["runAsUser"] > 0
        assert security["seccompProfile"]["type"] == "RuntimeDefault"
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert own["readOnlyRootFilesystem"]
        assert not pod["automountServiceAccountToken"]
        # A Service called askcli would set ASKCLI_PORT and the like in every pod.
        assert not pod["enableServiceLinks"]
        kinds = {kind for volume in pod["volumes"] for kind in volume if kind != "name"}
        assert kinds <= {"emptyDir", "secret"}
    assert count == 3


def test_the_documented_secrets_are_those_of_compose(tmp_path: Path) -> None:
    (script,) = blocks("docs/operations.md", "sh secrets")
    variables = {"PATH": os.environ["PATH"], "ANTHROPIC_API_KEY": "a key"}
    subprocess.run(["bash", "-e", "-c", script], check=True, cwd=tmp_path, env=variables)
    directory = tmp_path / "deploy/secrets"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {path.name for path in directory.iterdir()} == set(COMPOSE["secrets"])
    password = (directory / "postgres-password").read_text().strip()
    url = (directory / "db-conn-string").read_text().strip()
    assert url == f"postgresql://askcli:{password}@postgres/askcli"
    assert (directory / "anthropic-api-key").read_text() == "a key\n"


def test_no_directory_of_documented_secrets_gets_into_a_commit_or_an_image() -> None:
    pages = "".join((ROOT / f"docs/{name}.md").read_text() for name in ("operations", "k3s"))
    directories = set(re.findall(r"mkdir -p (\S*secrets)", pages))
    assert directories == {"secrets", "deploy/secrets"}
    for name in (".gitignore", ".dockerignore"):
        ignored = {line.strip("/") for line in (ROOT / name).read_text().splitlines()}
        assert directories <= ignored, name


def test_one_version_is_named() -> None:
    base = yaml.safe_load((DEPLOY / "kubernetes/base/kustomization.yaml").read_text())
    assert base["images"][0]["newTag"] == __version__


def test_no_file_names_a_registry() -> None:
    """Images and packages come from wherever the engine's default, or its mirror, is."""
    files = [
        *DEPLOY.rglob("*"),
        *(ROOT / ".github").rglob("*.yml"),
        ROOT / "Dockerfile",
        ROOT / "render.yaml",
    ]
    for path in files:
        if path.is_file():
            names = re.findall(r"image: (\S+)|FROM (\S+)|registry: (\S+)", path.read_text())
            for name in (part for parts in names for part in parts if part):
                assert "." not in name.partition("/")[0].partition(":")[0], (path, name)
            assert not re.search(r"index-url|trusted-host", path.read_text()), path
