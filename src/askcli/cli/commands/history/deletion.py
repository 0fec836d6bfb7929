"""Deletion of several things, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from askcli.errors import AskcliError, NotFound

log = logging.getLogger("askcli.notices")


def of_each(ids: Iterable[str], delete: Callable[[str], None]) -> None:
    """Delete all; one that has been deleted elsewhere meanwhile is gone, too.

    Where it fails or is interrupted, the ids of those that are gone are told.
    """
    gone: list[str] = []
    try:
        for id_ in ids:
            _delete(id_, delete)
            gone.append(id_)
    except (AskcliError, KeyboardInterrupt):
        if gone:
            log.warning("askcli: deleted before that: %s", " ".join(gone))
        raise


def _delete(id_: str, delete: Callable[[str], None]) -> None:
    try:
        delete(id_)
    except NotFound as error:
        if not error.request_id:  # a gateway's: no word of the server's
            raise
