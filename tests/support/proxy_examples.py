"""The proxies of deploy/proxies, run before servers as they are, at addresses of a test."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs."""

    url: str
    name: str
    directory: Path
    process: subprocess.Popen[bytes]

    def use(self, *targets: str) -> None:
        """Let it have these servers, of which there are several, from now on."""
        write, number = _RELOADS[self.name]
        write(int(self.url.rpartition(":")[2]), targets, self.directory)
        self.process.send_signal(number)


@contextmanager
def running(name: str, target: str, directory: Path, **more: str) -> Iterator[str]:
    """The proxy before the server at `target` (host:port), with more variables; its URL."""
    with before(name, [target], directory, **more) as proxy:
        yield proxy.url


@contextmanager
def before(name: str, targets: Sequence[str], directory: Path, **more: str) -> Iterator[Proxy]:
    """The proxy before these servers, with more variables."""
    (port,) = free_ports(1)
    command, settings = {"nginx": _nginx, "haproxy": _haproxy, "caddy": _caddy}[name](
        port, targets, directory
    )
    variables = {"PATH": os.environ["PATH"], "HOME": str(directory), **settings, **more}
    arguments = [program(name), *command]
    with (directory / "log").open("wb") as log:  # the process has it for itself
        process = subprocess.Popen(arguments, env=variables, cwd=directory, stdout=log, stderr=log)
    try:
        eventually(lambda: _listens(port) or process.poll() is not None)
        assert process.poll() is None, (directory / "log").read_text()
        yield Proxy(f"http://127.0.0.1:{port}", name, directory, process)
    finally:
        process.terminate()
        process.wait(10)


Started = tuple[list[str], dict[str, str]]  # the arguments and the environment


def _nginx(port: int, targets: Sequence[str], directory: Path) -> Started:
    """The example's server, without TLS, in the smallest configuration around it."""
    text = (EXAMPLES / "nginx.conf").read_text()
    servers = "\n".join(f"server {target};" for target in targets)
    changes = {"listen 443 ssl;": f"listen 127.0.0.1:{port};", "server 127.0.0.1:3000;": servers}
    lines = _changed(text, changes).splitlines()
    lines = [line for line in lines if "ssl_certificate" not in line]
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


def _haproxy(port: int, targets: Sequence[str], directory: Path) -> Started:
    """The example; its places, all of one name, get an address each where there are several."""
    settings = {"ASKCLI_BIND": f"127.0.0.1:{port}", "ASKCLI_SERVERS": targets[0]}
    text = (EXAMPLES / "haproxy.cfg").read_text()
    template = 'server-template askcli 8 "${ASKCLI_SERVERS-askcli:3000}" resolvers names'
    if len(targets) > 1:
        lines = [f"server askcli{number} {target}" for number, target in enumerate(targets)]
        text = _changed(text, {template: "\n    ".join(lines)})
    (directory / "haproxy.cfg").write_text(text)
    return ["-W", "-f", str(directory / "haproxy.cfg")], settings


_RELOADS = {"nginx": (_nginx, signal.SIGHUP), "haproxy": (_haproxy, signal.SIGUSR2)}


def _caddy(port: int, targets: Sequence[str], directory: Path) -> Started:
    settings = {
        "ASKCLI_SITE": f"http://:{port}",
        "ASKCLI_SERVERS": " ".join(targets),
        "CADDY_ADMIN": f"unix/{directory}/admin",
    }
    return ["run", "--config", str(EXAMPLES / "Caddyfile"), "--adapter", "caddyfile"], settings


def _changed(text: str, changes: dict[str, str]) -> str:
    for before, after in changes.items():
        assert text.count(before) == 1
        text = text.replace(before, after)
    return text


# Below those that systems give to who asks for any port, so that nobody gets one meanwhile.
_PORTS = range(20_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    ports = (port for port in random.sample(_PORTS, len(_PORTS)) if _is_free(port))
    return [next(ports) for _ in range(count)]


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
