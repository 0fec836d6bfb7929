"""A warning about misspelt environment variables."""

from __future__ import annotations

import logging

from askcli import settings

log = logging.getLogger("askcli.notices")


def report_unknown(*, dotenv: bool = False) -> None:
    """Report each variable ASKCLI_… that is not a setting's; --quiet hides it.

    `dotenv`: those of `.env`, too.
    """
    for name, known in settings.unknown_variables(dotenv=dotenv).items():
        hint = f"did you mean {known}?" if known else "`askcli help settings` lists all."
        log.info("askcli: warning: no setting has the variable %s; %s", name, hint)
