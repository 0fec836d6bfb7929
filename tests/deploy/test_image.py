"""The container image: what builds it, and what it must have to start at all."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from askcli.settings import Settings
from tests.support.http_servers import served

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
FINAL_STAGE = DOCKERFILE.rpartition("\nFROM ")[2]


def instruction(name: str) -> str:
    """The arguments of the final stage's instruction, continued lines joined."""
    joined = re.sub(r"\\\n\s*", "", FINAL_STAGE)
    (arguments,) = re.findall(rf"^{name} (.*)$", joined, re.M)
    return str(arguments)


def test_the_process_is_a_number_that_owns_its_volume() -> None:
    user, volume = instruction("USER"), instruction("VOLUME")
    assert re.fullmatch(r"\d+:\d+", user)
    made = re.search(rf"mkdir -p {volume} && chown -R {user} (\S+)", FINAL_STAGE)
    assert made
    assert volume.startswith(made[1])
    assert FINAL_STAGE.index("chown") < FINAL_STAGE.index("\nVOLUME")
    assert f"ASKCLI_DATA_DIR={volume}" in FINAL_STAGE


def test_a_mirror_can_build_it_and_code_does_not_reinstall_dependencies() -> None:
    assert "syntax=" not in DOCKERFILE
    assert DOCKERFILE.index("-r deploy/constraints/server.txt") < DOCKERFILE.index("COPY src")
    assert "--no-index --no-deps" in DOCKERFILE
    assert "COPY man" in DOCKERFILE
    assert "--without-pip" in DOCKERFILE


def build(tmp_path: Path, engines: dict[str, str], **variables: str) -> tuple[int, str]:
    """Run `tools/image.sh` where these engines are, and nothing else of this machine."""
    for name, script in engines.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    command = ["/bin/bash", str(ROOT / "tools/image.sh"), "askcli:1"]
    environment = {"PATH": str(tmp_path), **variables}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_whichever_engine_works_builds_the_image(tmp_path: Path) -> None:
    """docker's client is there without an engine; podman is not there at all."""
    engines = {"docker": "exit 1", "buildah": 'test "$1" = info || echo "$@"'}
    variables = {"BASE": "mirror/python", "PIP_CONF": "/a/b", "NETWORK": "host"}
    options = "--build-arg BASE=mirror/python --network host --secret id=pip.conf,src=/a/b"
    told = (0, f"build --tag askcli:1 {options} --format docker .\n")
    assert build(tmp_path, engines, **variables) == told


def test_docker_builds_with_what_knows_secrets(tmp_path: Path) -> None:
    """Before version 23 it takes its old builder unless it is told otherwise."""
    engines = {"docker": 'test "$1" = info || echo "$DOCKER_BUILDKIT $@"'}
    assert build(tmp_path, engines) == (0, "1 build --tag askcli:1 .\n")


def test_where_no_engine_works_it_says_so(tmp_path: Path) -> None:
    code, text = build(tmp_path, {"docker": "exit 1", "buildah": "exit 1"})
    assert (code, "none of docker, podman and buildah works" in text) == (1, True)


@contextmanager
def responding(
    status: int, family: socket.AddressFamily = socket.AF_INET
) -> Iterator[tuple[int, list[str]]]:
    """An HTTP server with this status; its port, and the paths that were requested."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(HTTPServer):
        address_family = family

    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with served(Server((host, 0), Handler)) as server:
        yield server.server_port, paths


def health_check(port: int, host: str = "0.0.0.0") -> int:
    """The exit code of the image's health check, under a proxy that does not exist."""
    check = instruction("HEALTHCHECK")
    python, *arguments = json.loads(check[check.index("CMD ") + 4 :])
    assert python == "python"
    dead = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy"), "http://127.0.0.1:9")
    environment = os.environ | dead | {"HOST": host, "PORT": str(port)}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True)
    return done.returncode


def test_the_health_check_asks_healthz_past_any_proxy() -> None:
    with responding(200) as (port, paths):
        assert health_check(port) == 0
    assert paths == ["/healthz"]
    with responding(503) as (port, _):
        assert health_check(port) != 0
    assert health_check(port) != 0  # nobody listens there any more


def test_the_health_check_finds_a_server_on_ipv6_alone() -> None:
    with responding(200, socket.AF_INET6) as (port, _):
        assert health_check(port, "::") == 0


def test_the_documented_command_keeps_answers_and_comes_back() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    (command,) = re.findall(r"^docker run ((?:.*\\\n)*.*)$", page, re.M)
    for flag in ("-d", "--name", "--restart", "-v askcli:", "-e JWT_SECRET"):
        assert flag in command
    (seconds,) = re.findall(r"--stop-timeout (\d+)", command)
    assert int(seconds) >= Settings().drain_seconds + 10
