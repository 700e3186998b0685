"""What a group of hosts is expected to have, from fleet.toml ``[group.NAME]``."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from fleet_collector.errors import SettingsError

PROTOCOLS = ("tcp", "udp")


class Expected(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Wanted processes, services, listening ports, reach targets, and further log roots.

    A port is ``443``, ``tcp/443`` or ``udp/53``, with its owner's name if it matters: ``443=nginx``.
    """

    processes: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    reach: tuple[str, ...] = ()
    log_roots: tuple[str, ...] = ()


class WantedPort(Struct, frozen=True):
    """A port that should have a listener; ``owner`` None means anybody's."""

    protocol: str
    port: int
    owner: str | None = None

    @property
    def name(self) -> str:
        """As people write it: tcp/443."""
        return f"{self.protocol}/{self.port}"


@lru_cache(maxsize=1024)
def wanted_port(text: str) -> WantedPort:
    """Read ``[tcp/|udp/]PORT[=OWNER]``; tcp if not said. Raises SettingsError."""
    place, _, owner = text.strip().partition("=")
    protocol, slash, number = place.strip().rpartition("/")
    protocol = protocol.lower() if slash else "tcp"
    number = number.strip()
    if protocol not in PROTOCOLS or not (number.isascii() and number.isdigit() and 0 < int(number) < 65536):
        raise SettingsError(f"port {text!r} is not of the form 443, tcp/443, udp/53 or 443=nginx")
    return WantedPort(protocol, int(number), owner.strip() or None)
