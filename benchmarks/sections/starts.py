"""Starting a server, and the local server that a first question starts."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks import ours
from benchmarks.bench import Bench
from benchmarks.figures import Figure, from_rounds
from benchmarks.peers import starting
from benchmarks.peers.environments import MissingPeerError


def starts(bench: Bench) -> list[Figure]:
    """From the start of the process to the first 200 of /readyz, and to the first answer."""
    urls = {kind: bench.databases.new(kind) for kind in bench.kinds}
    subjects = {
        f"askcli serve, {kind}": partial(_seconds, ours.until_ready, bench, kind, url)
        for kind, url in urls.items()
    }
    for kind, url in urls.items():
        ours.until_ready(bench, kind, url)  # the database is migrated once
    subjects["first `askcli ask`, with its local server"] = partial(_seconds, _local, bench)
    rounds = bench.interleaved(subjects)
    for name in (starting.EXPRESS, starting.LITELLM):
        try:
            rounds[name] = [{"seconds": bench.peer(name).start_seconds}]
        except MissingPeerError as error:
            bench.note(f"{name} was not measured: {str(error).splitlines()[0]}")
    return from_rounds("Cold start", {"seconds": ("until ready", "s")}, rounds, starting.EXPRESS)


def _seconds(measure: Any, *arguments: Any) -> dict[str, Any]:
    return {"seconds": measure(*arguments)}


def _local(bench: Bench) -> float:
    """Return the seconds of a first question, with no server anywhere."""
    home = Path(bench.directory / uuid4().hex[:8])
    home.mkdir()
    settings = {"ASKCLI_ANSWERER": "scripted", "XDG_RUNTIME_DIR": str(home)}
    began = time.perf_counter()
    ours.run(home, ["ask", "hello"], settings)
    seconds = time.perf_counter() - began
    ours.run(home, ["serve", "--stop"], settings)
    return seconds
