"""Settings: read once and passed on; no other module reads the environment.

Precedence: flag, environment, `.env` (for `serve` and the host's commands alone), config file,
default.
"""

from askcli.settings.fields import Settings, secret_variables, setting_names, variable_name
from askcli.settings.parsers import Rate
from askcli.settings.sources import (
    config_path,
    dotenv_names,
    load,
    parse,
    place,
    unknown_variables,
)

__all__ = [
    "Rate",
    "Settings",
    "config_path",
    "dotenv_names",
    "load",
    "parse",
    "place",
    "secret_variables",
    "setting_names",
    "unknown_variables",
    "variable_name",
]
