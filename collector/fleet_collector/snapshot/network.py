"""Step 5: network configuration."""

from __future__ import annotations

from msgspec import field

from fleet_collector.snapshot.fact import Count, Fact, Number, Text


class Interface(Fact, frozen=True, kw_only=True):
    """A link: rates over the interval, counters since boot."""

    name: Text
    up: bool | None = None  # administratively
    carrier: bool | None = None
    kind: Text | None = None  # physical, virtual, loopback, bond, bridge, vlan
    mtu: Count | None = None
    speed_mbit: Number | None = None
    duplex: Text | None = None
    addresses: list[Text] = field(default_factory=list)  # CIDR
    master: Text | None = None
    carrier_changes: Count | None = None
    rx_bytes: Count | None = None
    tx_bytes: Count | None = None
    rx_packets: Count | None = None
    tx_packets: Count | None = None
    rx_errors: Count | None = None
    tx_errors: Count | None = None
    rx_dropped: Count | None = None
    tx_dropped: Count | None = None
    rx_bytes_per_second: Number | None = None
    tx_bytes_per_second: Number | None = None
    errors_per_second: Number | None = None
    dropped_per_second: Number | None = None


class Route(Fact, frozen=True, kw_only=True):
    """A route of the main table."""

    destination: Text  # CIDR, or "default"
    gateway: Text | None = None
    interface: Text | None = None
    metric: Count | None = None


class Lookup(Fact, frozen=True, kw_only=True):
    """One timed question to one name server."""

    server: Text
    ok: bool
    ms: Number | None = None
    error: Text | None = None


class Resolver(Fact, frozen=True, kw_only=True):
    """Name resolution as configured and as it answers."""

    servers: list[Text] = field(default_factory=list)
    search: list[Text] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)


class Neighbours(Fact, frozen=True, kw_only=True):
    """The neighbour (ARP, ND) table against its limit, and failed gateways."""

    count: Count | None = None
    limit: Count | None = None
    failed: list[Text] = field(default_factory=list)


class Bond(Fact, frozen=True, kw_only=True):
    """A bonded interface and its members."""

    name: Text
    members: Count
    members_up: Count
    down: list[Text] = field(default_factory=list)


class Firewall(Fact, frozen=True, kw_only=True):
    """Packet filter, as far as it may be read: ``policy`` of the input hook, number of rules."""

    kind: Text | None = None
    rules: Count | None = None
    input_policy: Text | None = None
    output_policy: Text | None = None


class Network(Fact, frozen=True, kw_only=True):
    """Addresses, links, routes, resolver."""

    interfaces: list[Interface] | None = None
    routes: list[Route] | None = None
    default_routes: list[Route] | None = None
    resolver: Resolver | None = None
    neighbours: Neighbours | None = None
    bonds: list[Bond] | None = None
    firewall: Firewall | None = None
    conntrack: Count | None = None
    conntrack_max: Count | None = None
    softnet_dropped: Count | None = None
    softnet_dropped_per_second: Number | None = None
