"""A visit: where a request comes from, as limits and the audit log see it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit: of `quota` uses in `window` seconds, full again in `reset`."""

    name: str
    quota: int
    window: int
    left: int
    reset: int


@dataclass(slots=True)
class Visit:
    """A request's id, the client that it names, and its address.

    No address is this machine's own user, on a Unix socket: nobody else reaches it, so nothing
    there is limited. `allowance` is what is left of the limit that the request is nearest to.
    """

    request_id: str
    client: str
    address: str | None
    allowance: Allowance | None = None

    @property
    def network(self) -> str | None:
        """Whom the address belongs to, as far as can be told: of IPv6 the whole /64."""
        if self.address is None:
            return None
        try:
            address: IPv4Address | IPv6Address = ip_address(self.address)
        except ValueError:  # what a trusted proxy passed on may be anything
            return self.address[:50]
        if isinstance(address, IPv6Address):
            if address.ipv4_mapped is None:
                return str(ip_network((address, 64), strict=False))
            address = address.ipv4_mapped
        return str(address)
