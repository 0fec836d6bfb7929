"""A warning about misspelt environment variables."""

from __future__ import annotations

import logging

from askcli import settings

log = logging.getLogger("askcli.notices")


def report_unknown() -> None:
    """Report each environment variable ASKCLI_… that is not a setting's; --quiet hides it."""
    for name, known in settings.unknown_variables().items():
        hint = f"did you mean {known}?" if known else "`askcli help settings` lists all."
        log.info("askcli: warning: no setting has the variable %s; %s", name, hint)
