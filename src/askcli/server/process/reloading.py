"""Reads the secrets and the log's level again on a hang-up (SIGHUP), while the server serves on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from askcli.answerers import factory
from askcli.errors import AskcliError
from askcli.server.bootstrap import Services
from askcli.server.http.access_log import AccessLog
from askcli.services.auth.signing_key import signing_secrets
from askcli.settings import Settings, setting_names, variable_name
from askcli.store.database import urls

log = logging.getLogger("askcli.notices")

# The settings that are read again; of DB_CONN_STRING the password alone.
SECRETS = {"jwt_secret", "jwt_secret_previous", "anthropic_api_key", "db_conn_string"}
READ_AGAIN = SECRETS | {"log_level"}

Load = Callable[[], Settings]


class Reloading:
    """The settings of a server, of which some are read again."""

    def __init__(
        self, services: Services, access_log: AccessLog, settings: Settings, load: Load
    ) -> None:
        self._services = services
        self._access_log = access_log
        self._settings = settings
        self._load = load
        self._lock = asyncio.Lock()
        self._tasks = set[asyncio.Task[None]]()

    def request(self) -> None:
        """Read the settings again soon, one after the other where there are several requests."""
        task = asyncio.create_task(self._reload())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reload(self) -> None:
        async with self._lock:
            try:
                self._use(await asyncio.to_thread(self._load))
            except AskcliError as error:
                log.error("askcli: error: the settings stay as they were: %s", error.detail)
            except Exception:
                log.exception("the settings could not be read again")

    def _use(self, new: Settings) -> None:
        """Use what is new of them, unless a part of it is not right. Raises Misused."""
        services = self._services
        # The secret that is kept: another directory takes a restart.
        with_own_directory = replace(new, data_dir=self._settings.data_dir)
        secrets = signing_secrets(with_own_directory, is_sqlite=services.database.is_sqlite)
        url = urls.parse(new.database_url)
        used = READ_AGAIN
        factory.change_key(services.answerer, new)
        services.tokens.change(*secrets)
        if urls.is_same_database(url, services.database.url):
            services.database.url = url
        else:
            used = used - {"db_conn_string"}
        changed = _changed(self._settings, new)
        self._settings = replace(self._settings, **{name: getattr(new, name) for name in used})
        log.info("Read the settings again; new: %s.", _listed(changed & used) or "nothing")
        if changed - used:
            log.warning("These take a restart: %s.", _listed(changed - used))
        # Last: the lines above are logged in any case.
        logging.getLogger().setLevel(new.log_level.upper())
        self._access_log.set_level(new.log_level)


def _changed(old: Settings, new: Settings) -> set[str]:
    return {name for name in setting_names() if getattr(old, name) != getattr(new, name)}


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(map(variable_name, names)))
