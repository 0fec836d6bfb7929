"""Servers of two versions at fixed addresses behind a proxy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import proxy_examples, wheels
from tests.support.processes import ServerProcess
from tests.support.servers import metric
from tests.support.waiting import eventually
from tests.support.wheels import Version


@dataclass
class Fleet:
    """Two places for servers of each of two versions, of which those of one may be empty."""

    home: Path
    settings: dict[str, str]
    versions: Sequence[Version]
    addresses: list[str] = field(init=False)
    _servers: dict[str, ServerProcess] = field(default_factory=dict)
    _started: int = 0

    def __post_init__(self) -> None:
        count = 2 * len(self.versions)
        self.addresses = [f"127.0.0.1:{port}" for port in proxy_examples.free_ports(count)]

    def _places(self, version: Version) -> list[str]:
        return self.addresses[self.versions.index(version) :: len(self.versions)]

    def others(self, version: Version) -> list[str]:
        """The addresses of all servers but this version's."""
        return [one for one in self.addresses if one not in self._places(version)]

    def start(self, version: Version) -> None:
        """Start this version's servers, one after the other."""
        for address in self._places(version):
            self._started += 1
            flags = ("--port", address.rpartition(":")[2])
            server = wheels.server_of(version)
            home = self.home / str(self._started)
            self._servers[address] = server(home, *flags, **self.settings)

    def wait_for_asks(self, version: Version) -> None:
        """Wait until each of this version's servers has answered."""
        for address in self._places(version):
            eventually(lambda address=address: _answered(self._servers[address]) > 0)  # type: ignore[misc]

    def stop(self, version: Version) -> None:
        """Stop this version's servers, one after the other, without a failure or an error."""
        for address in self._places(version):
            server = self._servers.pop(address)
            assert server.stop() == 0, server.log
            assert not server.first_error(), server.first_error()

    def close(self) -> None:
        """Kill what runs still, where a test has ended before its time."""
        for server in self._servers.values():
            server.stop(9)


def _answered(server: ServerProcess) -> float:
    try:
        return metric(server, 'askcli_answers_ended_total{end="answered"}')
    except StopIteration:  # none yet
        return 0
