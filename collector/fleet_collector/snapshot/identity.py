"""Step 0: which machine, which boot, is its clock right."""

from __future__ import annotations

from fleet_collector.snapshot.fact import Bytes, Count, Fact, Number, Text


class KernelMessage(Fact, frozen=True, kw_only=True):
    """A kind of kernel message seen in the last 24 hours: ``oom_kill``, ``hung_task``, ``io_error`` …"""

    kind: Text
    count: Count
    last_at: Number | None = None
    last: Text | None = None


class Identity(Fact, frozen=True, kw_only=True):
    """Which machine, which boot, and whether its clock is right."""

    hostname: Text | None = None
    os: Text | None = None
    os_id: Text | None = None
    kernel: Text | None = None
    arch: Text | None = None
    virtualization: Text | None = None
    container: Text | None = None
    machine_id: Text | None = None
    boot_id: Text | None = None
    booted_at: Number | None = None
    uptime_seconds: Number | None = None
    tainted: Count | None = None
    init: Text | None = None
    clock_at: Number | None = None
    clock_synchronised: bool | None = None
    clock_error_seconds: Number | None = None
    kernel_messages: list[KernelMessage] | None = None
    cores: Count | None = None
    memory_bytes: Bytes | None = None
