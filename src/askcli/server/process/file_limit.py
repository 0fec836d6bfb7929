"""The limit on open files, of which connections get a part."""

from __future__ import annotations

import logging
import resource
from contextlib import suppress

from askcli.errors import Failed
from askcli.server.process.listening import TAKEN_AT_ONCE

log = logging.getLogger("askcli.notices")

# Each connection takes some kilobytes, and its own turn of the event loop.
MAX_FILES = 65_536
# Of the database (on SQLite three for each of its connections), the event loop and the log; and the
# listening sockets.
OTHER_FILES = 40 + TAKEN_AT_ONCE
LEAST_FILES = OTHER_FILES + 8  # with fewer it would say that it serves, and not be able to


def connections(max_running: int) -> int:
    """Raise the limit as far as the host allows; return how many clients' connections it is for.

    A quarter at least is left to the database and to the provider's connections, one for each
    running answer. Of a limit that is too small for them clients get an eighth, with a warning.
    Raises Failed for one that is too small for a server.
    """
    files = _raised()
    if files < LEAST_FILES:
        raise Failed(
            f"a process here may have {files} files open at most, and needs {LEAST_FILES}: raise "
            f"the limit of open files (ulimit -n)."
        )
    left = max(files // 8, min(files * 3 // 4, files - max_running - OTHER_FILES))
    if left < max_running:
        log.warning(
            "A process of this server has %d of its %d files for clients, and runs %d answers at "
            "once: raise the limit of open files (ulimit -n), or lower ASKCLI_MAX_RUNNING.",
            left,
            files,
            max_running,
        )
    return left


def _raised() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft == resource.RLIM_INFINITY or soft > wanted:
        soft = wanted
    elif soft < wanted:
        with suppress(ValueError, OSError):  # macOS has a lower one that it does not tell
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return soft
