"""Answers as pages of HTML in the browser: private files, of the last day."""

from __future__ import annotations

import logging
import math
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import platformdirs

from askcli.cli.output import times
from askcli.cli.output.terminal import console
from askcli.contract.shapes import Question
from askcli.errors import Failed
from askcli.files import errors_of, private_directory, programs, write_private

log = logging.getLogger("askcli.notices")

KEPT_SECONDS = 86_400
# Most openers end at once; one that is the browser itself goes on.
OPENER_SECONDS = 3.0
TITLE_CHARACTERS = 80


def show(question: Question) -> None:
    """Open a page of the question and its answer; without a browser here, say where it is.

    Raises Failed where the page cannot be written or the browser not be started.
    """
    path = _written(question)
    opener = _opener(os.environ)
    if opener is None:
        console.note(f"askcli: no browser can be opened from here; the page is {path}", wrap=False)
        return
    url = path.as_uri()
    command = [word.replace("%s", url) for word in opener]
    if not _has_run(command if command != opener else [*opener, url]):
        raise Failed(f"{opener[0]} has not opened the page, which is {path}")
    log.info("askcli: the browser opens %s", path)


def forget() -> None:
    """Remove all pages: some of their questions are deleted, or the user has logged out."""
    with suppress(OSError, RuntimeError):
        _remove(_directory(), before=math.inf)


def _directory() -> Path:
    return Path(platformdirs.user_cache_dir("askcli")) / "pages"


def _written(question: Question) -> Path:
    """Return the path of the page, which is written anew; old ones are removed."""
    try:
        directory = private_directory(_directory())
    except RuntimeError:
        raise Failed(
            "there is no home directory for the page: set HOME or XDG_CACHE_HOME."
        ) from None
    path = directory / f"{question['id']}.html"
    with errors_of(path):
        _remove(path.parent, before=time.time() - KEPT_SECONDS)
        write_private(path, page(question).encode("utf-8", "replace"), synced=False)
    return path


def _remove(directory: Path, *, before: float) -> None:
    for one in directory.glob("*.html"):
        with suppress(OSError):
            if one.lstat().st_mtime < before:
                one.unlink()


def page(question: Question) -> str:
    """Return a page of the question, what is known of it, and its answer."""
    from askcli.cli.output import html  # not to remove pages

    title = " ".join(question["question"].split())[:TITLE_CHARACTERS]
    state = "" if question["status"] == "answered" else question["status"]
    details = filter(None, (times.local(question["created_at"]), question["model"], state))
    turn = html.turn(question["question"], " · ".join(details), question["answer"])
    return console.harmless(html.begin(title) + turn + html.END)


def _opener(environment: Mapping[str, str]) -> list[str] | None:
    """Return the command that opens an address, None where no browser of the user's is."""
    has_display = sys.platform == "darwin" or any(
        environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME")
    )
    if environment.get("SSH_CONNECTION") or not has_display:
        return None
    own = (environment.get("BROWSER") or "").split(os.pathsep)
    for command in (*own, "wslview", "open" if sys.platform == "darwin" else "xdg-open"):
        with suppress(ValueError):
            words = shlex.split(command)
            if words and (program := programs.path_of(words[0])):
                return [program, *words[1:]]
    return None


def _has_run(command: list[str]) -> bool:
    """Start it in a session of its own: a Ctrl-C, or the end of the terminal, is not for it."""
    nowhere = subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
        )
        return process.wait(OPENER_SECONDS) == 0
    except subprocess.TimeoutExpired:  # it is the browser
        return True
    except OSError:
        return False
