"""Settings: read once, passed on; nothing reads the environment elsewhere.

A flag goes before the environment, the environment before `.env` (for `serve` and the host's
commands alone), that before the config file, and the config file before the default.
"""

from askcli.settings.fields import Settings, variable_name
from askcli.settings.parsers import Rate
from askcli.settings.sources import config_path, load, parsed

__all__ = ["Rate", "Settings", "config_path", "load", "parsed", "variable_name"]
