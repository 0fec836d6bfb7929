"""Starts the metrics of a process, and shows those of all workers.

Prometheus' own client library counts. Several workers keep their numbers in files of a directory
that is theirs, and whichever is asked adds them up. A worker that takes another's place has its
number and goes on in its files: there are never more than there are workers.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from askcli.metrics import names

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Of the files of a worker, more than the metrics take. They are mapped into memory: a disk that
# is full when one of them grows would end the process.
_GAUGES = dict.fromkeys(("gauge_livesum", "gauge_livemin", "gauge_livemax"), 2**16)
_FILES = {"counter": 2**17, "histogram": 2**20} | _GAUGES


class _State:
    registry: Any = None
    directory: Path | None = None


def start(directory: Path | None = None, worker: int = 0) -> None:
    """Count from now on; `directory` is that of several workers, of which this is one."""
    if _State.registry is not None:
        return
    library = _library()
    library.disable_created_metrics()
    # Not as the library does when it is imported: whether a variable of its own is set.
    values = library.values
    values.ValueClass = values.MutexValue
    if directory is not None:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
        values.ValueClass = values.MultiProcessValue(lambda: worker)
    _State.registry, _State.directory = library.CollectorRegistry(), directory
    for metric in names.ALL:
        metric.start(library, _State.registry)


def is_shared() -> bool:
    """Whether other workers show the metrics of this one."""
    return _State.directory is not None


def page() -> bytes:
    """Return the metrics of all workers in Prometheus' text format."""
    start()
    library, registry = _library(), _State.registry
    if _State.directory is not None:
        registry = library.CollectorRegistry()
        library.multiprocess.MultiProcessCollector(registry, str(_State.directory))
    text: bytes = library.generate_latest(registry)
    return text


def _library() -> Any:
    """Return the client library: a host's commands import this module, and count nothing."""
    import prometheus_client
    import prometheus_client.multiprocess

    return prometheus_client


def reserve(directory: Path, worker: int) -> None:
    """Make the files of a worker that is about to be started, with what they may become on disk.

    Raises OSError where the disk is full.
    """
    for name, size in _FILES.items():
        path = directory / f"{name}_{worker}.db"
        if not path.exists():
            _make(path, size)


def _make(path: Path, size: int) -> None:
    """Make a file of zeros; under its name, by which others read it, once it is whole."""
    made = path.with_suffix(".new")
    descriptor = os.open(made, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        reserve_space = getattr(os, "posix_fallocate", None)  # not on macOS
        if reserve_space is not None:
            reserve_space(descriptor, 0, size)
        else:
            os.truncate(descriptor, size)
    finally:
        os.close(descriptor)
    made.rename(path)


def forget(directory: Path, worker: int) -> None:
    """Remove the gauges of a worker that has ended: its counters stay, for the next one."""
    for path in directory.glob(f"gauge_*_{worker}.db"):
        path.unlink(missing_ok=True)
