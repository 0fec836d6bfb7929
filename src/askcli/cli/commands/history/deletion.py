"""Deletion of several things, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress

from askcli.cli.output.terminal import transient
from askcli.errors import AskcliError, BadResponse, NotFound
from askcli.signals import before_ending

log = logging.getLogger("askcli.notices")


def of_each(ids: Collection[str], delete: Callable[[str], None]) -> None:
    """Delete all; one that has been deleted elsewhere meanwhile is gone, too.

    If it fails or is interrupted, notices have the ids that are gone, and the one that may be.
    """
    gone: list[str] = []
    begun: list[str] = []
    try:
        with _reported_when_interrupted(lambda: _report(gone, begun)):
            for id_ in ids:
                begun.append(id_)
                _delete(id_, delete)
                gone.append(id_)
    except AskcliError as error:
        # A refusal is clear, and so is which one has failed where it is the only one.
        _report(gone, begun if error.status >= 500 and len(ids) > 1 else gone)
        raise


def of_all_before(until: str, delete: Callable[[str], int]) -> int:
    """Delete all from before a time; return how many. Raises BadResponse for a negative count.

    If it is interrupted, the server may go on with it, as a notice says.
    """

    def report() -> None:
        log.warning("askcli: perhaps deleted: all from before %s", until)

    with _reported_when_interrupted(report):
        deleted = delete(until)
    if deleted < 0:
        raise BadResponse()
    return deleted


def _report(gone: list[str], begun: list[str]) -> None:
    if gone:
        log.warning("askcli: deleted before that: %s", " ".join(gone))
    for id_ in begun[len(gone) :]:
        log.warning("askcli: perhaps deleted: %s", id_)


@contextmanager
def _reported_when_interrupted(report: Callable[[], None]) -> Iterator[None]:
    """Call `report` if Ctrl-C ends the block, or another signal ends the process in it."""

    def end() -> None:
        transient.end_soon()
        with suppress(AskcliError, SystemExit):  # stderr is gone
            report()

    try:
        with before_ending(end):
            yield
    except KeyboardInterrupt:
        report()
        raise


def _delete(id_: str, delete: Callable[[str], None]) -> None:
    with suppress(NotFound):
        delete(id_)
