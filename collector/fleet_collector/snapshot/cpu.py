"""Step 1: who eats the CPU."""

from __future__ import annotations

from fleet_collector.snapshot.fact import Count, Fact, Number, Pressure, Process, Text


class CpuPercent(Fact, frozen=True, kw_only=True, omit_defaults=False):
    """Shares of all cores over the interval (/proc/stat); ``busy`` is everything but idle and iowait."""

    busy: Number
    user: Number
    nice: Number
    system: Number
    idle: Number
    iowait: Number
    irq: Number
    softirq: Number
    steal: Number


class CpuProcess(Process, frozen=True, kw_only=True):
    """A process that used the CPU in the interval."""

    core_percent: Number
    machine_percent: Number
    threads: Count | None = None
    state: Text | None = None
    nice: int | None = None
    cpu_seconds: Number | None = None  # user and system time since it started


class CpuParent(Process, frozen=True, kw_only=True):
    """A process whose children used the CPU and ended within the interval, or were born in it."""

    children_core_percent: Number
    children_born: Count


class HotThread(Fact, frozen=True, kw_only=True):
    """A thread of the process on top."""

    tid: Count
    name: Text
    core_percent: Number


class Cpu(Fact, frozen=True, kw_only=True):
    """Who eats the CPU."""

    cores: Count | None = None
    usable_cores: Number | None = None
    interval_seconds: Number | None = None
    percent: CpuPercent | None = None
    cores_busy_percent: list[Number] | None = None
    hottest_core: CpuPercent | None = None
    load1: Number | None = None
    load5: Number | None = None
    load15: Number | None = None
    runnable: Count | None = None
    blocked: Count | None = None
    hidden_tasks: Count | None = None  # tasks of other containers on the same kernel
    context_switches_per_second: Number | None = None
    forks_per_second: Number | None = None
    pressure: Pressure | None = None
    throttled_percent: Number | None = None
    unexplained_percent: Number | None = None
    top: list[CpuProcess] | None = None
    parents: list[CpuParent] | None = None  # where much of the CPU was used by nobody that is left
    hot_threads: list[HotThread] | None = None
    counters: dict[Text, list[Count]] | None = None
