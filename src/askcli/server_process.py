"""Start `python -m askcli.server` and wait until it reports that it is ready."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Sequence

START_SECONDS = 60


def start(
    arguments: Sequence[str], *, inherited: Sequence[int] = (), output: int | None = None
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server in a session of its own; return the process and its ready pipe.

    `inherited` are the file descriptors that `arguments` name, `output` takes stdout and stderr
    (None: those of this process).
    """
    ready, ready_end = os.pipe()
    # -P: the working directory may be somebody else's checkout, with a fastapi.py in it.
    command = [sys.executable, "-P", "-m", "askcli.server", *arguments]
    try:
        process = subprocess.Popen(
            [*command, "--ready-fd", str(ready_end)],
            pass_fds=[*inherited, ready_end],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    except BaseException:
        os.close(ready)
        raise
    finally:
        os.close(ready_end)
    return process, ready


def wait_until_ready(ready: int) -> bool:
    """Wait for the byte of a ready server and close the pipe; False for a dead or slow one."""
    with os.fdopen(ready, "rb") as pipe:
        readable, _, _ = select.select([pipe], [], [], START_SECONDS)
        return bool(readable and pipe.read(1))
