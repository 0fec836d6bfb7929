"""Errors of a command itself, which never travel over HTTP."""

from __future__ import annotations

from askcli.errors.base import AskcliError


class Misused(AskcliError):
    code, title, exit_code = "usage", "The command or its settings are not right", 2


class Failed(AskcliError):
    code, title, exit_code = "failed", "The command failed", 1


class Unreachable(AskcliError):
    code, title, exit_code = "unreachable", "The server cannot be reached", 6


class TooLate(Unreachable):
    """A response did not end within the time-out as a whole."""


class Untrusted(Unreachable):
    """A server whose certificate is not trusted."""


class ProxyRefused(Unreachable):
    """A proxy that makes no connection to the server, and will not by itself."""


class BadResponse(AskcliError):
    """The server's response is not one of askcli's."""

    code, title = "bad_response", "The server's response is not right"
    default = "the response is not one of an askcli server: check --server."


class TimedOut(AskcliError):
    code, title, exit_code = "timed_out", "The command took too long", 6
