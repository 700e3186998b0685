"""Step 8: connections by state."""

from __future__ import annotations

from msgspec import field

from fleet_collector.snapshot.fact import Count, Fact, Number, Port, Process, Text


class ByLocalPort(Fact, frozen=True, kw_only=True):
    """Connections to one local service port, by state."""

    port: Port
    count: Count
    states: dict[Text, Count] = field(default_factory=dict)
    name: Text | None = None  # of the listener's process


class ByRemote(Fact, frozen=True, kw_only=True):
    """Connections to one remote endpoint (as client), by state."""

    address: Text
    port: Port
    count: Count
    states: dict[Text, Count] = field(default_factory=dict)


class ByPeer(Fact, frozen=True, kw_only=True):
    """Connections from one remote address (as server), by state."""

    address: Text
    count: Count
    states: dict[Text, Count] = field(default_factory=dict)


class ByProcess(Process, frozen=True, kw_only=True):
    """Connections one process holds, by state."""

    count: Count
    states: dict[Text, Count] = field(default_factory=dict)
    remotes: list[ByRemote] = field(default_factory=list)  # the largest few


class LocalPorts(Fact, frozen=True, kw_only=True):
    """Use of the local port range from one source towards one destination; TIME_WAIT counts too."""

    address: Text  # destination
    port: Port
    source: Text | None = None  # local address: each pair has the whole range
    used: Count
    time_wait: Count
    percent: Number


class Connections(Fact, frozen=True, kw_only=True):
    """How many connections, in which state, to whom."""

    states: dict[Text, Count] | None = None  # established, time_wait, close_wait, syn_sent, syn_recv …
    total: Count | None = None
    by_local_port: list[ByLocalPort] | None = None
    by_remote: list[ByRemote] | None = None
    by_peer: list[ByPeer] | None = None
    by_process: list[ByProcess] | None = None
    local_ports: list[LocalPorts] | None = None
    local_port_range: list[Port] | None = None
    local_ports_percent: Number | None = None  # of the destination with most
    time_wait_max: Count | None = None  # tcp_max_tw_buckets
    orphans: Count | None = None
    tcp_memory_pages: Count | None = None
    tcp_memory_max_pages: Count | None = None
    listen_overflows_per_second: Number | None = None
    listen_drops_per_second: Number | None = None
    retransmits_percent: Number | None = None
    resets_sent_per_second: Number | None = None
    listen_overflows: Count | None = None
    listen_drops: Count | None = None
    syn_cookies_per_second: Number | None = None
    undrained: list[ByProcess] | None = None  # ESTABLISHED with a large receive queue
    counters: dict[Text, list[Count]] | None = None
