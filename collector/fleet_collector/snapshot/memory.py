"""Step 2: how much memory is left."""

from __future__ import annotations

from fleet_collector.snapshot.fact import Bytes, Count, Fact, Number, Pressure, Process, Text


class MemoryProcess(Process, frozen=True, kw_only=True):
    """A process that holds memory."""

    rss_bytes: Bytes
    anon_bytes: Bytes | None = None
    swap_bytes: Bytes | None = None
    oom_score_adj: int | None = None


class MemoryGroup(Fact, frozen=True, kw_only=True):
    """A control group with a memory limit."""

    path: Text
    used_bytes: Bytes
    limit_bytes: Bytes | None = None
    oom_kills: Count | None = None


class OomKill(Fact, frozen=True, kw_only=True):
    """One kill by the kernel, from its log."""

    at: Number | None = None
    pid: Count | None = None
    name: Text | None = None
    unit: Text | None = None
    rss_bytes: Bytes | None = None
    in_group: bool | None = None  # at the limit of a control group; else the machine itself was short


class Memory(Fact, frozen=True, kw_only=True):
    """How much memory is left, and who holds it."""

    total_bytes: Bytes | None = None
    available_bytes: Bytes | None = None
    free_bytes: Bytes | None = None
    used_percent: Number | None = None
    swap_total_bytes: Bytes | None = None
    swap_used_bytes: Bytes | None = None
    swap_used_percent: Number | None = None
    swap_in_bytes_per_second: Number | None = None
    swap_out_bytes_per_second: Number | None = None
    major_faults_per_second: Number | None = None
    direct_reclaims_per_second: Number | None = None
    oom_kills: Count | None = None  # since boot (/proc/vmstat)
    oom: list[OomKill] | None = None
    pressure: Pressure | None = None
    meminfo: dict[Text, Bytes] | None = None
    top: list[MemoryProcess] | None = None
    swapped: list[MemoryProcess] | None = None
    groups: list[MemoryGroup] | None = None
    counters: dict[Text, list[Count]] | None = None
