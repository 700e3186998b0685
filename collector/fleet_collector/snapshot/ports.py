"""Step 7: which process holds which port."""

from __future__ import annotations

from typing import Literal

from fleet_collector.snapshot.fact import Count, Fact, Number, Port, Text


class Listener(Fact, frozen=True, kw_only=True):
    """A socket that waits for peers; ``queue`` of ``backlog`` accepted connections wait for accept(2)."""

    protocol: Literal["tcp", "udp", "tcp6", "udp6"]
    address: Text
    port: Port
    pid: Count | None = None
    pids: Count | None = None  # processes that share it
    name: Text | None = None
    command: Text | None = None
    user: Text | None = None
    unit: Text | None = None
    started_at: Number | None = None
    exe_deleted: bool | None = None  # updated on disk, not restarted
    queue: Count | None = None
    backlog: Count | None = None


class Ports(Fact, frozen=True, kw_only=True):
    """Which process holds which port."""

    listeners: list[Listener] | None = None
    owners_unknown: Count | None = None
