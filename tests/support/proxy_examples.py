"""The proxies of deploy/proxies, run before a server as they are, at addresses of a test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.waiting import eventually

EXAMPLES = Path(__file__).parents[2] / "deploy/proxies"


def program(name: str) -> str:
    """Where the proxy is installed: in this environment, or by the system. Skips without it."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin"))
    found = shutil.which(name, path=path)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


@contextmanager
def running(name: str, target: str, directory: Path, **more: str) -> Iterator[str]:
    """The proxy before the server at `target` (host:port), with more variables; its URL."""
    port = _free_port()
    command, settings = {"nginx": _nginx, "haproxy": _haproxy, "caddy": _caddy}[name](
        port, target, directory
    )
    variables = {"PATH": os.environ["PATH"], "HOME": str(directory), **settings, **more}
    arguments = [program(name), *command]
    with (directory / "log").open("wb") as log:  # the process has it for itself
        process = subprocess.Popen(arguments, env=variables, cwd=directory, stdout=log, stderr=log)
    try:
        eventually(lambda: _listens(port) or process.poll() is not None)
        assert process.poll() is None, (directory / "log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


Started = tuple[list[str], dict[str, str]]  # the arguments and the environment


def _nginx(port: int, target: str, directory: Path) -> Started:
    """The example's server, without TLS, in the smallest configuration around it."""
    text = (EXAMPLES / "nginx.conf").read_text()
    changes = {"listen 443 ssl;": f"listen 127.0.0.1:{port};", "127.0.0.1:3000": target}
    for before, after in changes.items():
        assert text.count(before) == 1
        text = text.replace(before, after)
    lines = [line for line in text.splitlines() if "ssl_certificate" not in line]
    (directory / "askcli.conf").write_text("\n".join(lines))
    (directory / "nginx.conf").write_text(f"""
        daemon off; pid {directory}/pid; error_log stderr; worker_processes 1; user root;
        events {{ }}
        http {{
            access_log off;
            client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
            fastcgi_temp_path {directory}/1; uwsgi_temp_path {directory}/2;
            scgi_temp_path {directory}/3;
            include {directory}/askcli.conf;
        }}""")
    return ["-p", str(directory), "-c", f"{directory}/nginx.conf"], {}


def _haproxy(port: int, target: str, directory: Path) -> Started:
    settings = {"ASKCLI_BIND": f"127.0.0.1:{port}", "ASKCLI_SERVERS": target}
    return ["-f", str(EXAMPLES / "haproxy.cfg")], settings


def _caddy(port: int, target: str, directory: Path) -> Started:
    settings = {
        "ASKCLI_SITE": f"http://:{port}",
        "ASKCLI_SERVERS": target,
        "CADDY_ADMIN": f"unix/{directory}/admin",
    }
    return ["run", "--config", str(EXAMPLES / "Caddyfile"), "--adapter", "caddyfile"], settings


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
