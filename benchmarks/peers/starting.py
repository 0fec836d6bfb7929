"""Starting the peers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import cores
from benchmarks.peers import environments
from benchmarks.servers import PROXY_KEY, SECRET, Proxy, Server, free_port, killed, started

if TYPE_CHECKING:
    from benchmarks.bench import Bench

ROOT = Path(__file__).parents[2]
MODEL = "claude-sonnet-4-5"
EXPRESS, LITELLM, PASSTHROUGH = "Express", "LiteLLM", "aiohttp pass-through"
FLOOR = "FastAPI + JWT + one statement"

LITELLM_SETTINGS = """model_list:
  - model_name: {model}
    litellm_params: {{model: anthropic/{model}, api_base: "{provider}", api_key: sk-bench}}
litellm_settings: {{telemetry: false}}
"""


def start(bench: Bench, name: str) -> Server:
    """Start a peer on the servers' core. Raises MissingPeerError."""
    if name == "provider":
        return Proxy(name, bench.provider, os.getpid(), "/v1/messages", MODEL)
    starters = {EXPRESS: _express, LITELLM: _litellm, PASSTHROUGH: _passthrough}
    return starters[name](bench)


def floor(bench: Bench, kind: str, ours: Server) -> Server:
    """Start the floor of a read, on the database of a server of ours and with its users."""
    port = free_port()
    command = _module("benchmarks.peers.floor")
    pid, _ = _run(bench, [*command, str(port), ours.database, SECRET], port, cwd=ROOT)
    server = Server(f"{FLOOR}, {kind}", port, pid)
    server.users = ours.users
    return server


def _express(bench: Bench) -> Server:
    node, directory = environments.node()
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "NODE_ENV": "production",
        "NODE_PATH": str(directory / "node_modules"),
        "DATABASE": bench.databases.new("PostgreSQL"),
        "JWT_SECRET": SECRET,
        "PROVIDER": bench.provider_url,
        "PORT": str(port),
    }
    source = str(environments.EXPRESS / "server.js")
    pid, seconds = _run(bench, [node, source], port, env=environment)
    server = Server(EXPRESS, port, pid)
    server.start_seconds, server.stores = seconds, True
    return server


def _litellm(bench: Bench) -> Server:
    port = free_port()
    config = bench.directory / "litellm.yaml"
    config.write_text(LITELLM_SETTINGS.format(model=MODEL, provider=bench.provider_url))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(bench.directory),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # nothing is fetched
        "LITELLM_LOG": "ERROR",
        "LITELLM_MASTER_KEY": PROXY_KEY,
        "DO_NOT_TRACK": "1",
    }
    command = [environments.command("litellm", "litellm"), "--config", str(config)]
    flags = ["--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
    ready = "/health/liveliness"
    pid, seconds = _run(bench, [*command, *flags], port, ready, env=environment)
    server = Proxy(LITELLM, port, pid, "/v1/chat/completions", MODEL)
    server.start_seconds = seconds
    return server


def _passthrough(bench: Bench) -> Server:
    port = free_port()
    command = _module("benchmarks.peers.passthrough")
    pid, _ = _run(bench, [*command, str(port), bench.provider_url], port, cwd=ROOT)
    return Proxy(PASSTHROUGH, port, pid, "/v1/messages", MODEL)


def _module(name: str) -> list[str]:
    """Return the command that runs a module of ours in the environment of askcli."""
    return [environments.command(environments.OURS, "python"), "-m", name]


def _run(
    bench: Bench, command: list[str], port: int, ready: str = "/readyz", **more: Any
) -> tuple[int, float]:
    """Start a process that is killed at the end; returns its id and the seconds it took."""
    log = bench.directory / f"{port}.log"
    with cores.pinned(cores.SERVER):
        process, seconds = started(command, port, log, ready, **more)
    bench.stack.callback(killed, process)
    return process.pid, seconds
