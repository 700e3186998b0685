"""Step 3: too many processes or threads, zombies, blocked tasks, descriptors used up, the wanted one dead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from fleet_collector.findings.finding import Finding, found, level
from fleet_collector.findings.past import GROUPS_KEPT, facts
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.words import listed, quoted, several, short, who, who_evidence
from fleet_collector.snapshot.processes import (
    BlockedTask,
    Processes,
    ProcessGroup,
    ThreadProcess,
)
from fleet_collector.wording import duration, number, percent

HOUR = 3600.0
USUAL_PROCESSES, USUAL_THREADS = 200, 500  # above the usual by fewer than these is no alarm
FEW_LIMIT = 64  # descriptor limits below this are set by people who know why
IDLE_UTIL_PERCENT = 10.0
REMOTE_WAITS = ("rpc", "nfs")


def wanted(subject: Subject) -> Iterator[Finding]:
    """A process the operator wants is not there."""
    if not subject.expected.processes:
        return
    processes = facts(subject.snapshot.processes)
    asked = {one.name: one for one in (processes.wanted if processes else None) or ()}
    for name in subject.expected.processes:
        process = asked.get(name)
        if process is None:
            yield found("processes.wanted", "unknown", name, f"{name} was not looked for", name=name)
        elif not process.count:
            yield found(
                "processes.wanted",
                "critical",
                name,
                f"No process {name} runs",
                then=f"systemctl list-units --all --no-pager {quoted(f'*{name}*')};"
                f" journalctl --no-pager -n 20 {quoted(f'_COMM={name[:15]}')}",
                name=name,
                count=0,
            )


def learned_missing(subject: Subject) -> Iterator[Finding]:
    """A daemon that every recent scan saw running, the same one all the time, has gone."""
    processes = facts(subject.snapshot.processes)
    usual = subject.past.always("daemons")
    if not usual or processes is None or processes.groups is None or len(processes.groups) >= GROUPS_KEPT:
        return
    running = {group.name for group in processes.groups} | set(subject.expected.processes)
    glimpses = subject.past.glimpses
    for name in sorted(usual - running):
        started = {glimpse.daemons[name] for glimpse in glimpses if glimpse.daemons}
        if max(started) < glimpses[0].taken_at:
            yield found(
                "processes.learned_missing",
                "warning",
                name,
                f"{short(name, 40)} ran at the last {several(len(glimpses), 'scan')} and does not now",
                then=f"journalctl -n 20 --no-pager _COMM={name}" if name.isalnum() else None,
                name=name,
                scans=len(glimpses),
            )


def too_many(subject: Subject) -> Iterator[Finding]:
    """Tasks near a limit of the kernel, a control group or a user."""
    processes, limits = facts(subject.snapshot.processes), subject.thresholds
    if processes is None:
        return
    known = [limit for limit in (processes.pid_max, processes.threads_max) if limit]
    tasks = processes.threads or processes.total
    checks = [("kernel", tasks, min(known))] if known and tasks else []
    checks += [(limit.scope, limit.used, limit.limit) for limit in processes.limits or () if limit.limit]
    for scope, used, limit in checks:
        share = 100 * used / limit
        severity = level(share, limits.processes_percent, limits.processes_critical_percent)
        if severity != "ok":
            yield found(
                "processes.limit",
                severity,
                scope,
                f"{number(used)} of {number(limit)} tasks of {short(scope)} are in use; "
                + _largest(processes),
                then="ps -eLo user,comm | sort | uniq -c | sort -rn | head",
                scope=scope,
                used=used,
                limit=limit,
                percent=round(share, 1),
                name=_largest_name(processes),
            )


def unusual(subject: Subject) -> Iterator[Finding]:
    """Far more processes or threads than this host's past has."""
    processes, factor = facts(subject.snapshot.processes), subject.thresholds.processes_past_factor
    if processes is None:
        return
    for metric, now, room in (
        ("processes", processes.total, USUAL_PROCESSES),
        ("threads", processes.threads, USUAL_THREADS),
    ):
        median = subject.past.median(metric)
        if now is not None and median is not None and now > factor * median and now > median + room:
            yield found(
                "processes.unusual",
                "warning",
                metric,
                f"{number(now)} {metric} run where {number(median)} are usual; {_largest(processes)}",
                then="ps -eo comm | sort | uniq -c | sort -rn | head",
                count=now,
                median=median,
                name=_largest_name(processes),
            )


def one_name(subject: Subject) -> Iterator[Finding]:
    """Very many processes of one name, or many that all came within the hour."""
    processes, limits = facts(subject.snapshot.processes), subject.thresholds
    for group in (processes.groups if processes else None) or ():
        if group.count < limits.processes_one_name_young or not group.rss_bytes:
            continue  # kernel threads hold no memory
        if group.count < limits.processes_one_name and not (
            _young(subject, group.started_at) and processes and group.count >= (processes.total or 0) / 3
        ):
            continue
        yield found(
            "processes.one_name",
            "warning",
            group.name,
            f"{number(group.count)} processes {short(group.name, 40)}"
            + (f" of {group.user}" if group.user else "")
            + (
                f", the oldest from {duration(subject.now - group.started_at)} ago"
                if group.started_at
                else ""
            ),
            then=f"ps -eo pid,ppid,user,etime,args | grep -F {short(group.name, 15)!r} | head -20",
            name=group.name,
            count=group.count,
            user=group.user,
            unit=group.unit,
            started_at=group.started_at,
            total=processes.total if processes else None,
        )


def many_threads(subject: Subject) -> Iterator[Finding]:
    """One process with very many threads, or with many soon after its start."""
    processes, limits = facts(subject.snapshot.processes), subject.thresholds
    for process in (processes.top_threads if processes else None) or ():
        if process.threads >= limits.processes_threads or (
            process.threads >= limits.processes_threads_young and _young(subject, process.started_at)
        ):
            yield _many_threads(process)


def _many_threads(process: ThreadProcess) -> Finding:
    return found(
        "processes.many_threads",
        "warning",
        process.name,
        f"{who(process)} has {number(process.threads)} threads",
        then=f"ps -L -o comm -p {process.pid} | sort | uniq -c | sort -rn | head",
        threads=process.threads,
        **who_evidence(process),
    )


def _young(subject: Subject, started_at: float | None) -> bool:
    return started_at is not None and subject.now - started_at < HOUR


def zombies(subject: Subject) -> Iterator[Finding]:
    """Dead children that their parent does not collect; the parent is to blame."""
    processes = facts(subject.snapshot.processes)
    for group in (processes.zombies if processes else None) or ():
        if group.count >= subject.thresholds.processes_zombies:
            yield found(
                "processes.zombies",
                "warning",
                group.parent.name,
                f"{who(group.parent)} leaves {several(group.count, 'zombie')}"
                + (f" of {listed(group.names)}" if group.names else ""),
                then=f"ps -o pid,ppid,state,etime,comm --ppid {group.parent.pid} | head -20",
                count=group.count,
                **who_evidence(group.parent),
            )


def blocked(subject: Subject) -> Iterator[Finding]:
    """Tasks that slept uninterruptibly in both samples; one is enough where no drive has work for it."""
    processes = facts(subject.snapshot.processes)
    by_wait: dict[str | None, list[BlockedTask]] = defaultdict(list)
    for task in (processes.blocked if processes else None) or ():
        if task.both_samples:
            by_wait[task.wait_channel].append(task)
    idle = _drives_idle(subject)
    for channel, tasks in by_wait.items():
        remote = channel is not None and channel.startswith(REMOTE_WAITS)
        enough = len(tasks) >= subject.thresholds.processes_blocked or (idle and not remote)
        where = f" in {channel}" if channel and channel != "0" else ""
        yield found(
            "processes.blocked",
            "warning" if enough else "ok",
            listed((task.name for task in tasks), 2),
            f"{several(len(tasks), 'task')} blocked{where}: {listed(who(task) for task in tasks)}"
            + (", though no drive is busy" if idle else ""),
            then=f"cat /proc/{tasks[0].pid}/stack; cat /proc/{tasks[0].pid}/wchan",
            wait_channel=channel,
            count=len(tasks),
            pids=[task.pid for task in tasks][:50],
            names=sorted({task.name for task in tasks})[:10],
            commands=sorted({short(task.command, 200) for task in tasks if task.command})[:10],
            drives_idle=idle,
        )


def stopped(subject: Subject) -> Iterator[Finding]:
    """A service that a signal has stopped: it is there and does nothing. Jobs of shells are often so."""
    processes, ports = facts(subject.snapshot.processes), facts(subject.snapshot.ports)
    listening = {one.pid: one for one in (ports.listeners if ports else None) or ()}
    for process in (processes.stopped if processes else None) or ():
        listener = listening.get(process.pid)
        is_service = (process.unit or "").endswith(".service") or process.name in subject.expected.processes
        yield found(
            "processes.stopped",
            "warning" if listener or is_service else "ok",
            process.name,
            f"{who(process)} was stopped by a signal"
            + (f" and holds {listener.protocol[:3]}/{listener.port}" if listener else ""),
            then=f"ps -o pid,ppid,stat,lstart,args -p {process.pid}",
            port=listener.port if listener else None,
            **who_evidence(process),
        )


def _drives_idle(subject: Subject) -> bool:
    disk = facts(subject.snapshot.disk)
    if disk is None or disk.drives is None:
        return False
    return all((drive.util_percent or 0.0) < IDLE_UTIL_PERCENT for drive in disk.drives)


def open_files(subject: Subject) -> Iterator[Finding]:
    """Descriptors near the limit of a process, or of the whole system."""
    processes, limits = facts(subject.snapshot.processes), subject.thresholds
    if processes is None:
        return
    low, high = limits.processes_open_files_percent, limits.processes_open_files_critical_percent
    for process in processes.top_open_files or ():
        if not process.limit or process.limit < FEW_LIMIT:
            continue
        share = 100 * process.open_files / process.limit
        severity = level(share, low, high)
        if severity != "ok":
            yield found(
                "processes.open_files",
                severity,
                process.name,
                f"{who(process)} has {number(process.open_files)} of {number(process.limit)} files open",
                then=f"ls -l /proc/{process.pid}/fd | awk '{{print $NF}}' | sort | uniq -c | sort -rn | head",
                open_files=process.open_files,
                limit=process.limit,
                percent=round(share, 1),
                **who_evidence(process),
            )
    yield from _open_files_of_all(processes, low, high)


def watching(subject: Subject) -> Iterator[Finding]:
    """A user near a limit of inotify: what wants to watch next fails, with words about space or files."""
    processes, limits = facts(subject.snapshot.processes), subject.thresholds
    for one in (processes.inotify if processes else None) or ():
        if not one.limit:
            continue
        share = 100 * one.used / one.limit
        low, high = limits.processes_open_files_percent, limits.processes_open_files_critical_percent
        if (severity := level(share, low, high)) != "ok":
            yield found(
                "processes.inotify",
                severity,
                one.name,
                f"{number(one.used)} of {number(one.limit)} inotify {one.kind} of {one.user} are in use;"
                f" {who(one)} has {number(one.most)}",
                then=f"sysctl fs.inotify; ls -l /proc/{one.pid}/fd | grep -c inotify",
                kind=one.kind,
                used=one.used,
                limit=one.limit,
                **who_evidence(one),
            )


def _open_files_of_all(processes: Processes, low: float, high: float) -> Iterator[Finding]:
    if not processes.open_files or not processes.open_files_max:
        return
    severity = level(100 * processes.open_files / processes.open_files_max, low, high)
    if severity == "ok":
        return
    first = processes.top_open_files[0] if processes.top_open_files else None
    share = 100 * processes.open_files / processes.open_files_max
    yield found(
        "processes.open_files_system",
        severity,
        "file-max",
        f"The system has {number(processes.open_files)} files open, {percent(share)} of what it allows"
        + (f"; most by {who(first)}" if first else ""),
        then="cat /proc/sys/fs/file-nr",
        open_files=processes.open_files,
        limit=processes.open_files_max,
        **(who_evidence(first) if first else {}),
    )


def _largest_group(processes: Processes) -> ProcessGroup | None:
    return max(processes.groups or (), key=lambda group: group.threads or group.count, default=None)


def _largest_name(processes: Processes) -> str | None:
    group = _largest_group(processes)
    return group.name if group else None


def _largest(processes: Processes) -> str:
    group = _largest_group(processes)
    if group is None:
        return "who has most is not known"
    threads = f" with {several(group.threads, 'thread')}" if group.threads else ""
    return f"most are {short(group.name, 40)} ({several(group.count, 'process', 'processes')}{threads})"


RULES = (
    wanted,
    learned_missing,
    too_many,
    unusual,
    one_name,
    many_threads,
    zombies,
    blocked,
    stopped,
    open_files,
    watching,
)
