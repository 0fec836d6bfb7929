"""Information about the HTTP request being served, for rate limits and the audit log.

A context variable and not a parameter: every service that limits or audits needs it, and nothing
between the middleware that sets it and those two does anything with it.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from uuid import UUID

MAX_ADDRESS_CHARACTERS = 50


@dataclass(frozen=True, slots=True)
class Allowance:
    """State of a rate limit: `remaining` of `quota` uses in `window` seconds.

    `reset` is the seconds until all uses are available again.
    """

    name: str
    quota: int
    window: int
    remaining: int
    reset: int


@dataclass(slots=True)
class RequestInfo:
    """A request's id, its User-Agent and the address of its client.

    `address` is None on a Unix socket: only this machine's own user reaches it, so nothing is
    limited there. `allowances` are the states of the rate limits that it has used, by name: what
    a unit of work has noted is replaced when it runs again. `is_replay` says that the response is
    that of an earlier request with the same idempotency key, `is_replayed_end` that its question
    had ended before. `question_id` is that of the question that it asks, `problem` the code of the
    error that its response is.
    """

    request_id: str
    client: str
    address: str | None
    allowances: dict[str, Allowance] = field(default_factory=dict)
    is_replay: bool = False
    is_replayed_end: bool = False
    question_id: UUID | None = None
    problem: str | None = None

    @property
    def allowance(self) -> Allowance | None:
        """The rate limit with the fewest uses remaining, of several the latest."""
        latest_first = reversed(self.allowances.values())
        return min(latest_first, key=lambda one: one.remaining, default=None)

    def note(self, allowance: Allowance) -> None:
        """Keep the state of a rate limit, in place of an earlier one."""
        self.allowances.pop(allowance.name, None)
        self.allowances[allowance.name] = allowance

    @property
    def network(self) -> str | None:
        """The network that rate limits count: an IPv4 address, or the /64 of an IPv6 one."""
        return _network(self.address, 32, 64)

    @property
    def site(self) -> str | None:
        """The networks that one organization often has: the /24 of IPv4, the /48 of IPv6."""
        return site_of(self.address)


def is_address(text: str) -> bool:
    """Whether it is an IP address, without the scope that could hold any text."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


@lru_cache(maxsize=4096)  # parsing an address takes longer than the rest of a middleware
def site_of(address: str | None) -> str | None:
    """Return the site of an address, None for none."""
    return _network(address, 24, 48)


def _network(text: str | None, ipv4_bits: int, ipv6_bits: int) -> str | None:
    if text is None:
        return None
    try:
        address: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:  # what a trusted proxy passed on may be anything
        return text[:MAX_ADDRESS_CHARACTERS]
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    bits = ipv4_bits if isinstance(address, IPv4Address) else ipv6_bits
    if bits == address.max_prefixlen:
        return str(address)
    return str(ip_network((address, bits), strict=False))


_current: ContextVar[RequestInfo | None] = ContextVar("request_info", default=None)


def bind(info: RequestInfo) -> None:
    """Make `info` the current request of this context, which asyncio tasks and threads inherit."""
    _current.set(info)


def current() -> RequestInfo:
    """Return the current request. Raises LookupError outside of one."""
    info = _current.get()
    if info is None:
        raise LookupError("no request is being served")
    return info


def note_question(question_id: UUID) -> None:
    """Note which question the current request asks, if there is a request."""
    if (info := _current.get()) is not None:
        info.question_id = question_id


def current_or_none() -> RequestInfo | None:
    """Return the current request, None in the host's commands and background tasks."""
    return _current.get()
