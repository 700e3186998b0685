"""Step 6: which host:port this host can open."""

from __future__ import annotations

from typing import Literal

from fleet_collector.snapshot.fact import Fact, Number, Port, Text

ReachResult = Literal[
    "open", "refused", "filtered", "unreachable", "dns", "local_ports_used_up", "open_or_filtered", "denied"
]


class Probe(Fact, frozen=True, kw_only=True):
    """One target tried from the host: ``errno`` keeps the kernel's own word (ECONNREFUSED …)."""

    target: Text  # as configured: "tcp://db1:5432", "udp://ntp1:123"
    protocol: Literal["tcp", "udp"]
    host: Text
    port: Port
    result: ReachResult
    address: Text | None = None  # that was tried
    source: Text | None = None  # local address used
    ms: Number | None = None
    errno: Text | None = None
    message: Text | None = None
    gateway_failed: bool | None = None  # next hop did not answer ARP/ND after the probe


class Reach(Fact, frozen=True, kw_only=True):
    """Which host:port this host can open."""

    probes: list[Probe] | None = None
