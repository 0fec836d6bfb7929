"""Notices of `askcli serve` when it starts."""

from __future__ import annotations

import logging

from askcli.settings import Settings

log = logging.getLogger("askcli.notices")


def report_registration(settings: Settings) -> None:
    """Report who may register, and why; an open registration on a public server is a warning."""
    registration = settings.registration_policy
    if registration.policy == "open" and settings.public_because:
        log.warning(
            "Warning: anybody who reaches this server may register and spend on its key, because "
            "%s; ASKCLI_REGISTRATION=invite requires an invite.",
            registration.reason,
        )
        return
    text = {
        "open": "Registration is open, because %s.",
        "invite": "Registration takes an invite, because %s: make one with `askcli invite create`.",
        "closed": "Registration is closed, because %s.",
    }[registration.policy]
    log.info(text, registration.reason)
