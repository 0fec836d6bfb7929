"""The limit on open files, of which connections get a part."""

from __future__ import annotations

import resource
from contextlib import suppress

# Each connection takes some kilobytes, and its own turn of the event loop.
MAX_FILES = 65_536


def connections() -> int:
    """Raise the limit as far as the host allows, and return how many connections it is for.

    A quarter is left to the database, the provider's connections and files.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft == resource.RLIM_INFINITY or soft > wanted:
        soft = wanted
    elif soft < wanted:
        with suppress(ValueError, OSError):  # macOS has a lower one that it does not tell
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return soft * 3 // 4
