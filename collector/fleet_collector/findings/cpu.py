"""Step 1: who eats the CPU, and whether it is the CPU at all.

One second says little: a process must have been at it for as long as it lives, or the load must confirm it,
before it is called a hog. Processes that were told to step back (nice 10 and more) are not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from fleet_collector.findings.finding import Finding, found, level
from fleet_collector.findings.past import facts
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.words import listed, several, short, who, who_evidence
from fleet_collector.snapshot.cpu import Cpu, CpuParent, CpuProcess
from fleet_collector.wording import duration, number, percent

BATCH_NICE = 10
LEADING_PERCENT = 25.0  # who uses this much of a busy machine is told as its subject
YOUNG_SECONDS = 1.5  # born after the first sample: a burst by definition
MANY_BORN = 10  # children of one process, all from within the interval
FULL_PERCENT = 90.0  # of one core, by one thread
FULL_SECONDS = 600.0  # so long a core must be full (Netdata's window for a busy machine)
TOLERANCE_PERCENT = 6.0  # one thread on two cores can reach 50 % of the machine only in theory


def application(subject: Subject) -> Iterator[Finding]:
    """An application above its share of the machine, all its processes of one name together."""
    cpu = facts(subject.snapshot.cpu)
    if cpu is None or not cpu.top:
        return
    by_name: dict[str, list[CpuProcess]] = defaultdict(list)
    for process in cpu.top:
        if (process.nice or 0) < BATCH_NICE:
            by_name[process.name].append(process)
    limit = subject.thresholds.cpu_application_percent
    for processes in by_name.values():
        if _share(processes) < limit - TOLERANCE_PERCENT:
            continue
        lasting = [process for process in processes if lasts(process, cpu, subject.now)]
        if _fills(lasting, limit):
            yield _application(lasting, cpu, "lasting")
        elif _fills(processes, limit):
            yield _application(processes, cpu, "a burst")


def lasts(process: CpuProcess, cpu: Cpu, now: float) -> bool:
    """Whether a process did more than burst: over its life, or as the load of the last minutes tells."""
    cores = process.core_percent / 100
    if process.started_at is None:
        return (cpu.load1 or 0.0) >= 0.6 * cores
    age = now + (cpu.interval_seconds or 1.0) - process.started_at
    if age < YOUNG_SECONDS:
        return False
    if process.cpu_seconds is not None and process.cpu_seconds >= 0.5 * cores * age:
        return True
    if age < 30 and process.cpu_seconds is None:
        return True
    return (cpu.load1 or 0.0) >= 0.8 * cores and (cpu.load5 or 0.0) >= 0.4 * cores


def _share(processes: list[CpuProcess]) -> float:
    return sum(process.machine_percent for process in processes)


def _fills(processes: list[CpuProcess], limit: float) -> bool:
    share = _share(processes)
    full_cores = any(process.core_percent >= 90 for process in processes)
    return bool(processes) and (share >= limit or (full_cores and share >= limit - TOLERANCE_PERCENT))


def _application(processes: list[CpuProcess], cpu: Cpu, kind: str) -> Finding:
    first = max(processes, key=lambda process: process.core_percent)
    share = _share(processes)
    alone = len(processes) == 1
    name = who(first) if alone else f"{len(processes)} {short(first.name, 40)}"
    verb = "uses" if alone else "processes use"
    cores = sum(process.core_percent for process in processes) / 100
    pids = ",".join(str(process.pid) for process in processes[:20])  # top(1) takes no more
    return found(
        "cpu.application",
        "warning" if kind == "lasting" else "ok",
        first.name,
        f"{name} {verb} {percent(min(share, 100))} of the machine"
        f" ({cores:.1f} of {number(cpu.usable_cores or cpu.cores or 1)} cores)"
        + ("" if kind == "lasting" else ", for the moment"),
        then=f"top -H -b -n 1 -p {pids} | head -20",
        **who_evidence(first),
        machine_percent=round(share, 1),
        core_percent=round(cores * 100, 1),
        processes=len(processes),
        cores=cpu.cores,
        load1=cpu.load1,
        threads=[f"{thread.name} {thread.core_percent:.0f} %" for thread in cpu.hot_threads or ()][:3]
        or None,
    )


def one_core(subject: Subject) -> Iterator[Finding]:
    """A process of one thread that has filled its core for long: half of a core is little, all of it is not.

    It can use no other, so that on a machine of many cores it is slow while the machine looks idle.
    """
    cpu = facts(subject.snapshot.cpu)
    if cpu is None:
        return
    enough = subject.thresholds.cpu_application_percent - TOLERANCE_PERCENT
    for process in cpu.top or ():
        if process.threads != 1 or (process.nice or 0) >= BATCH_NICE or process.core_percent < FULL_PERCENT:
            continue
        age = subject.now - (process.started_at or subject.now)
        filled = 100 * (process.cpu_seconds or 0.0) >= FULL_PERCENT * age
        if age >= FULL_SECONDS and filled and process.machine_percent < enough:
            yield found(
                "cpu.one_core",
                "warning",
                process.name,
                f"{who(process)} has filled one of {number(cores_of(cpu))} cores for {duration(age)};"
                " it has one thread and can use no other",
                then=f"ps -o lstart,time,args -p {process.pid}; ls -l /proc/{process.pid}/fd | head -20",
                **who_evidence(process),
                core_percent=process.core_percent,
                seconds=round(age),
            )


def busy(subject: Subject) -> Iterator[Finding]:
    """The whole machine busy, and for longer than this second: the load or the pressure says so."""
    cpu = facts(subject.snapshot.cpu)
    if cpu is None or cpu.percent is None:
        return
    at_work = cpu.percent.busy - cpu.percent.nice
    pressure = cpu.pressure.some_avg60 if cpu.pressure else None
    confirmed = (cpu.load1 or 0.0) >= cores_of(cpu) or (pressure or 0.0) >= 50
    if at_work < subject.thresholds.cpu_busy_percent or not confirmed:
        return
    first = max(cpu.top or (), key=lambda process: process.machine_percent, default=None)
    yield found(
        "cpu.busy",
        "warning",
        first.name if first and first.machine_percent >= LEADING_PERCENT else "cpu",
        f"The CPU is {percent(cpu.percent.busy)} busy{_whose(cpu, ', most of it')}{_unseen(cpu)}",
        then="ps -eo pid,user,nice,pcpu,etime,args --sort=-pcpu | head -15",
        busy_percent=cpu.percent.busy,
        nice_percent=cpu.percent.nice,
        load1=cpu.load1,
        cores=cpu.cores,
        pressure_some_avg60=pressure,
        names=[process.name for process in (cpu.top or ())[:3]],
        unseen=bool(_unseen(cpu)) or None,
    )


def load(subject: Subject) -> Iterator[Finding]:
    """More tasks than cores for minutes; where the CPU idles at it, they wait and do not compute.

    Where it idles and nothing waits either, the load is a memory of what is over; and batch work
    (nice) may fill a machine without being in anybody's way.
    """
    cpu = facts(subject.snapshot.cpu)
    if cpu is None or cpu.load5 is None:
        return
    limits, cores = subject.thresholds, cores_of(cpu)
    # While it falls, the trouble is over; the last minute decides then.
    lasting = min(cpu.load5, cpu.load1 if cpu.load1 is not None else cpu.load5)
    severity = level(lasting / cores, limits.cpu_load_per_core, limits.cpu_load_critical_per_core)
    if severity == "ok":
        return
    share = cpu.percent
    idle = share.idle + share.iowait if share else 0.0
    waits = idle >= 50
    pressure = (cpu.pressure.some_avg60 if cpu.pressure else None) or 0.0
    over = waits and cpu.blocked == 0 and pressure < 50
    batch = share is not None and share.nice >= 50
    if _unseen(cpu):
        severity = "warning"
    yield found(
        "cpu.load",
        "ok" if over or batch else severity,
        "load",
        f"Load {number(cpu.load5)} over 5 min on {several(round(cores), 'core')}{_of_load(cpu, idle)}",
        then="ps -eo state,pid,user,wchan:30,args | grep '^[RD]' | head -20",
        load1=cpu.load1,
        load5=cpu.load5,
        load15=cpu.load15,
        cores=cores,
        idle_percent=idle if share else None,
        iowait_percent=share.iowait if share else None,
        blocked=cpu.blocked,
        waiting=waits,
        names=[process.name for process in (cpu.top or ())[:3]],
        unseen=bool(_unseen(cpu)) or None,
    )


def _of_load(cpu: Cpu, idle: float) -> str:
    """What the tasks that make the load do at this moment."""
    if idle < 50:
        return _whose(cpu, ", busy with") + _unseen(cpu)
    if cpu.blocked:
        return f" while the CPU is {percent(idle)} idle: tasks wait ({cpu.blocked} blocked)"
    return f", though the CPU is {percent(idle)} idle now"


def iowait(subject: Subject) -> Iterator[Finding]:
    """The CPU waits for drives, and the I/O pressure (or the load) says it has for a while."""
    cpu, disk = facts(subject.snapshot.cpu), facts(subject.snapshot.disk)
    if cpu is None or cpu.percent is None or cpu.percent.iowait < subject.thresholds.cpu_iowait_percent:
        return
    pressure = disk.pressure if disk else None
    if pressure is not None:
        confirmed = (pressure.some_avg60 or 0) >= 20 or (pressure.some_avg10 or 0) >= 40
    else:
        confirmed = (cpu.blocked or 0) >= 1 and (cpu.load5 or 0.0) >= cores_of(cpu) / 2
    if not confirmed:
        return
    drives = sorted((disk.drives if disk else None) or (), key=lambda drive: -(drive.util_percent or 0))
    writers = [who(writer) for writer in (disk.writers if disk else None) or ()][:1]
    busiest = f", {drives[0].name} busiest" if drives and drives[0].util_percent else ""
    yield found(
        "cpu.iowait",
        "warning",
        drives[0].name if drives else "drives",
        f"The CPU waits {percent(cpu.percent.iowait)} of its time for drives{busiest}"
        + (f"; {writers[0]} writes most" if writers else ""),
        then="ps -eo state,pid,user,wchan:30,args | grep '^D'",
        iowait_percent=cpu.percent.iowait,
        drive=drives[0].name if drives else None,
        util_percent=drives[0].util_percent if drives else None,
        blocked=cpu.blocked,
        pressure_some_avg60=pressure.some_avg60 if pressure else None,
    )


def steal(subject: Subject) -> Iterator[Finding]:
    """The hypervisor gives the CPU to others: plainly now, or less but again."""
    cpu = facts(subject.snapshot.cpu)
    if cpu is None or cpu.percent is None:
        return
    limits, stolen = subject.thresholds, cpu.percent.steal
    previous = subject.past.previous
    before = previous.numbers.get("cpu_steal_percent", 0.0) if previous else 0.0
    again = min(stolen, before) >= limits.cpu_steal_percent
    if stolen < limits.cpu_steal_once_percent and not again:
        return
    yield found(
        "cpu.steal",
        "warning",
        "hypervisor",
        f"The hypervisor takes {percent(stolen)} of the CPU time: the cause is outside of this host",
        then="vmstat 1 5",
        steal_percent=stolen,
        steal_before_percent=before or None,
    )


def hot_core(subject: Subject) -> Iterator[Finding]:
    """One core full of interrupts while others idle: one queue of a network card."""
    cpu = facts(subject.snapshot.cpu)
    core = cpu.hottest_core if cpu else None
    if cpu is None or core is None or (cpu.cores or 1) < 2 or core.busy < 95:
        return
    if core.softirq + core.irq >= subject.thresholds.cpu_softirq_percent:
        yield found(
            "cpu.hot_core",
            "warning",
            "interrupts",
            f"One core spends {percent(core.softirq + core.irq)} on interrupts, as from one network queue",
            then="cat /proc/softirqs; cat /proc/interrupts",
            softirq_percent=core.softirq,
            irq_percent=core.irq,
        )


def throttled(subject: Subject) -> Iterator[Finding]:
    """The host's own control group was held back at its CPU limit."""
    cpu = facts(subject.snapshot.cpu)
    if cpu is None or (cpu.throttled_percent or 0.0) < subject.thresholds.cpu_throttled_percent:
        return
    yield found(
        "cpu.throttled",
        "warning",
        "cpu limit",
        f"Held back at its limit of {number(cpu.usable_cores or 0)} cores in "
        f"{percent(cpu.throttled_percent or 0)} of the time",
        then="cat /sys/fs/cgroup/cpu.stat",
        throttled_percent=cpu.throttled_percent,
        usable_cores=cpu.usable_cores,
    )


def short_lived(subject: Subject) -> Iterator[Finding]:
    """CPU time that no surviving process explains, with many forks: short processes, and who starts them."""
    cpu, limits = facts(subject.snapshot.cpu), subject.thresholds
    if cpu is None or _of_nobody_left(cpu) < limits.cpu_unexplained_percent:
        return
    if (cpu.forks_per_second or 0) < limits.cpu_forks_per_second or (cpu.load1 or 0) < cores_of(cpu):
        return
    parent = _parent(cpu)
    yield found(
        "cpu.short_lived",
        "warning",
        parent.name if parent else "short processes",
        f"{number(cpu.forks_per_second or 0)} processes start a second, too short-lived to be seen"
        + (_of_children(parent, cpu) if parent else ""),
        then="ps -eo pid,ppid,etimes,args --sort=etimes | head -30",
        forks_per_second=cpu.forks_per_second,
        unexplained_percent=round(_of_nobody_left(cpu), 1),
        busy_percent=cpu.percent.busy if cpu.percent else None,
        **(who_evidence(parent) if parent else {}),
    )


def _of_nobody_left(cpu: Cpu) -> float:
    """What processes used of the machine that are gone; beside other containers, of known parents."""
    if cpu.unexplained_percent is not None:
        return cpu.unexplained_percent
    return sum(parent.children_core_percent for parent in cpu.parents or ()) / (cpu.cores or 1)


def _parent(cpu: Cpu) -> CpuParent | None:
    """Whose children a good part of the short-lived processes are, by what they used or by those left."""
    parents = cpu.parents or []
    if parents and parents[0].children_core_percent >= LEADING_PERCENT:
        return parents[0]
    first = max(parents, key=lambda parent: parent.children_born, default=None)
    return first if first and first.children_born >= MANY_BORN else None


def _of_children(parent: CpuParent, cpu: Cpu) -> str:
    share = parent.children_core_percent / (cpu.cores or 1)
    if share < 1:
        return f"; {number(parent.children_born)} that are left are of {who(parent)}"
    return f"; those of {who(parent)} use {percent(share)} of the machine"


def cores_of(cpu: Cpu) -> float:
    """The cores this host may use; one if unknown."""
    return max(cpu.usable_cores or cpu.cores or 1, 0.1)


def _unseen(cpu: Cpu) -> str:
    """That the work is not this host's: others share its kernel, and of what is seen little is at work."""
    seen = sum(process.machine_percent for process in cpu.top or ())
    busy = cpu.percent.busy if cpu.percent else 0.0
    return ", by what cannot be seen from here" if cpu.hidden_tasks and seen < busy / 2 else ""


def _whose(cpu: Cpu, mostly: str) -> str:
    """Who is behind the work; that it is most of it is said only where it is."""
    names, busy = culprits(cpu), cpu.percent.busy if cpu.percent else 0.0
    seen = sum(process.machine_percent for process in cpu.top or ())
    return f"{mostly if seen >= busy / 2 else ', of what is seen most by'} {names}" if names else ""


def culprits(cpu: Cpu) -> str:
    """The names that use most of the CPU, with their shares."""
    shares: dict[str, float] = defaultdict(float)
    for process in cpu.top or ():
        shares[process.name] += process.machine_percent
    ranked = sorted(shares.items(), key=lambda item: -item[1])[:3]
    return listed(f"{short(name, 40)} ({percent(share)})" for name, share in ranked if share >= 5)


RULES = (application, one_core, busy, load, iowait, steal, hot_core, throttled, short_lived)
