"""Step 2: how much memory is left, and who holds it."""

from __future__ import annotations

from collections.abc import Iterator

from fleet_collector.findings.finding import Finding, Severity, found, level
from fleet_collector.findings.past import facts
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.thresholds import GIB, MIB, Thresholds
from fleet_collector.findings.words import ago, listed, several, short, who, who_evidence
from fleet_collector.snapshot.memory import Memory, OomKill
from fleet_collector.wording import percent, size

# The operator's 500 MB, grown with the machine as AKS grows its soft eviction threshold.
LADDER = ((32 * GIB, 1 * GIB), (16 * GIB, 750 * MIB), (0, 500 * MIB))


def available_limits(total_bytes: int, thresholds: Thresholds) -> tuple[float, float]:
    """Below how many available bytes a machine of this size is short: (warning, critical).

    >>> available_limits(512 * MIB, Thresholds())[0] / MIB
    102.4
    """
    step = next(bytes_left for size_from, bytes_left in LADDER if total_bytes >= size_from)
    warning = min(step, total_bytes * 0.20)
    critical = min(max(100 * MIB, total_bytes * 0.02), total_bytes * 0.05, GIB)
    own, own_critical = thresholds.memory_available_bytes, thresholds.memory_available_critical_bytes
    return warning if own is None else own, critical if own_critical is None else own_critical


def available(subject: Subject) -> Iterator[Finding]:
    """Too little memory available, with the largest holders."""
    memory = facts(subject.snapshot.memory)
    if memory is None or memory.available_bytes is None or not memory.total_bytes:
        return
    left = memory.available_bytes
    warning, critical = available_limits(memory.total_bytes, subject.thresholds)
    if left >= max(warning, critical):
        return
    holders = holders_of(memory)
    first = memory.top[0] if memory.top else None
    yield found(
        "memory.available",
        "critical" if left < critical else "warning",
        first.name if first else "memory",
        f"{size(left)} of {size(memory.total_bytes)} memory left" + (f"; {holders}" if holders else ""),
        then="ps -eo pid,user,rss,etime,args --sort=-rss | head -15",
        available_bytes=left,
        total_bytes=memory.total_bytes,
        limit_bytes=round(warning),
        swap_used_percent=memory.swap_used_percent,
        **(who_evidence(first) if first else {}),
        rss_bytes=first.rss_bytes if first else None,
    )


def holders_of(memory: Memory) -> str:
    """Who holds most, by name: ``java (pid 812) holds 3.1 GiB``."""
    named = [f"{who(process)} {size(process.rss_bytes)}" for process in (memory.top or ())[:3]]
    return f"largest: {listed(named)}" if named else ""


def oom(subject: Subject) -> Iterator[Finding]:
    """Kills by the kernel for lack of memory; those before the last scan are told without alarm."""
    memory = facts(subject.snapshot.memory)
    if memory is None:
        return
    kills = [kill for kill in memory.oom or () if kill.at is not None]
    if kills:
        yield from _kills_by_name(subject, kills)
    elif memory.oom_kills:
        yield from _kills_by_counter(subject, memory.oom_kills)


def _kills_by_name(subject: Subject, kills: list[OomKill]) -> Iterator[Finding]:
    by_victim: dict[tuple[str, str | None], list[OomKill]] = {}
    for kill in kills:
        by_victim.setdefault((kill.name or "a process", kill.unit), []).append(kill)
    for (name, unit), victims in by_victim.items():
        last = max(victims, key=lambda victim: victim.at or 0.0)
        words = f"{short(name, 40)} (pid {last.pid}" + (f", unit {short(unit, 60)})" if unit else ")")
        often = f", {several(len(victims), 'time')}" if len(victims) > 1 else ""
        held = f"; it held {size(last.rss_bytes)}" if last.rss_bytes else ""
        yield found(
            "memory.oom",
            "warning" if (last.at or 0.0) >= subject.since else "ok",
            unit or name,
            f"The kernel killed {words} for lack of memory {ago(last.at or subject.now, subject.now)}"
            f"{often}{held}",
            then="journalctl -k --no-pager | grep -A30 -i 'oom-kill' | tail -60",
            pid=last.pid,
            pids=[victim.pid for victim in victims if victim.pid is not None][:20],
            name=name,
            unit=unit,
            at=last.at,
            count=len(victims),
            rss_bytes=last.rss_bytes,
            in_group=last.in_group,
        )


def _kills_by_counter(subject: Subject, kills: int) -> Iterator[Finding]:
    previous = subject.past.previous
    identity = facts(subject.snapshot.identity)
    same_boot = previous is not None and identity is not None and previous.boot_id == identity.boot_id
    before = previous.numbers.get("oom_kills") if previous and same_boot else None
    new = kills - before if before is not None else 0
    severity: Severity = "warning" if new > 0 else "ok"
    when = "since the last scan" if new > 0 else "since boot, none of them lately"
    yield found(
        "memory.oom",
        severity,
        "kernel",
        f"The kernel killed {several(round(new or kills), 'process', 'processes')} for lack of memory {when}",
        then="journalctl -k --no-pager | grep -i 'killed process'",
        count=round(new or kills),
        since_boot=kills,
    )


def swapping(subject: Subject) -> Iterator[Finding]:
    """Pages go out and come back at the same time: the memory does not suffice for what runs."""
    memory = facts(subject.snapshot.memory)
    if memory is None:
        return
    limit = subject.thresholds.memory_swap_bytes_per_second
    came, went = memory.swap_in_bytes_per_second or 0.0, memory.swap_out_bytes_per_second or 0.0
    pressure = memory.pressure.some_avg60 if memory.pressure else None
    if went < limit or (came < limit and (pressure or 0.0) < subject.thresholds.memory_pressure_percent):
        return
    swapped = memory.swapped[0] if memory.swapped else None
    most = f"; most of it is of {who(swapped)}" if swapped else ""
    yield found(
        "memory.swapping",
        "warning",
        swapped.name if swapped else "swap",
        f"Swapping: {size(went)}/s out and {size(came)}/s in{most}",
        then="vmstat 1 5",
        swap_in_bytes_per_second=came,
        swap_out_bytes_per_second=went,
        major_faults_per_second=memory.major_faults_per_second,
        pressure_some_avg60=pressure,
        **(who_evidence(swapped) if swapped else {}),
    )


def pressure(subject: Subject) -> Iterator[Finding]:
    """Everything that runs waits for memory."""
    memory, limits = facts(subject.snapshot.memory), subject.thresholds
    full = memory.pressure.full_avg60 if memory and memory.pressure else None
    severity = level(full, limits.memory_pressure_percent, limits.memory_pressure_critical_percent)
    if memory is None or severity == "ok":
        return
    holders = holders_of(memory)
    yield found(
        "memory.pressure",
        severity,
        memory.top[0].name if memory.top else "memory",
        f"All tasks waited for memory in {percent(full or 0)} of the last minute"
        + (f"; {holders}" if holders else ""),
        then="cat /proc/pressure/memory; vmstat 1 5",
        full_avg60=full,
        major_faults_per_second=memory.major_faults_per_second,
    )


def hardware(subject: Subject) -> Iterator[Finding]:
    """Pages that the memory hardware has spoilt."""
    memory = facts(subject.snapshot.memory)
    corrupted = (memory.meminfo or {}).get("HardwareCorrupted", 0) if memory else 0
    if corrupted:
        yield found(
            "memory.hardware",
            "warning",
            "memory modules",
            f"{size(corrupted)} of memory is out of use after hardware errors",
            then="grep . /sys/devices/system/edac/mc/mc*/*e_count",
            corrupted_bytes=corrupted,
        )


RULES = (available, oom, swapping, pressure, hardware)
