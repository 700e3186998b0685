"""What a host's history foretells: numbers on their way to a real limit, said under the step they belong to.

A forecast is made after a sweep and said at the next one, for as long as the number itself agrees: where a
log was emptied, a process restarted or a volume enlarged since, nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from fleet_collector.findings.finding import Finding, Severity, found
from fleet_collector.findings.past import Foretold, facts
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.words import quoted, short
from fleet_collector.snapshot import Snapshot
from fleet_collector.snapshot.disk import Volume
from fleet_collector.snapshot.processes import ProcessGroup
from fleet_collector.wording import amount, coming

DAY = 86400.0
SURE = 0.9
UNDONE = 0.1  # of the way to the limit: who has gone back by more has been dealt with


class Words(NamedTuple):
    """How a number is told: ``{label}``, ``{pace}``, ``{limit}`` and ``{coming}`` are filled in."""

    rule: str
    unit: str
    said: str
    then: str
    key: str  # under which causes find the label in the evidence


NUMBERS = {
    "disk_used_bytes": Words(
        "disk.trend",
        "bytes",
        "{label} grows {pace} a day, is full {coming}",
        "du -xh --max-depth=2 {quoted} 2>/dev/null | sort -rh | head -20",
        "mount",
    ),
    "inodes_used_percent": Words(
        "disk.trend",
        "percent",
        "{label} uses {pace} more of its inodes a day, has none left {coming}",
        "du -x --inodes --max-depth=3 {quoted} 2>/dev/null | sort -rn | head",
        "mount",
    ),
    "log_bytes": Words(
        "logs.trend",
        "bytes",
        "{label} grows {pace} a day, its volume is full {coming}",
        "ls -lh {quoted}*",
        "path",
    ),
    "mem_available_bytes": Words(
        "memory.trend",
        "bytes",
        "Available memory falls {pace} a day, is used up {coming}",
        "ps -eo pid,user,rss,etime,args --sort=-rss | head -15",
        "number",
    ),
    "process_rss_bytes": Words(
        "memory.trend",
        "bytes",
        "The memory of {label} grows {pace} a day, there is no more {coming}",
        "ps -o pid,rss,etime,args -C {quoted}",
        "name",
    ),
    "process_fds": Words(
        "processes.trend",
        "files",
        "{label} opens {pace} more files a day, meets its limit of {limit} {coming}",
        "lsof -c {quoted} | awk '{{print $5}}' | sort | uniq -c | sort -rn",
        "name",
    ),
    "process_threads": Words(
        "processes.trend",
        "threads",
        "{label} has {pace} more threads a day, meets the limit of {limit} {coming}",
        "ps -o pid,nlwp,etime,args -C {quoted}",
        "name",
    ),
    "processes": Words(
        "processes.trend",
        "processes",
        "There are {pace} more processes a day, the limit of {limit} is met {coming}",
        "ps -eo comm | sort | uniq -c | sort -rn | head",
        "number",
    ),
    "threads": Words(
        "processes.trend",
        "threads",
        "There are {pace} more threads a day, the limit of {limit} is met {coming}",
        "ps -eo nlwp,pid,args --sort=-nlwp | head",
        "number",
    ),
    "open_files": Words(
        "processes.trend",
        "files",
        "There are {pace} more open files a day, the limit of {limit} is met {coming}",
        "cat /proc/sys/fs/file-nr",
        "number",
    ),
    "time_wait": Words(
        "connections.trend",
        "connections",
        "TIME_WAIT grows by {pace} a day, the {limit} there can be are reached {coming}",
        "ss -Htan state time-wait | awk '{{print $4}}' | sort | uniq -c | sort -rn | head",
        "number",
    ),
    "local_ports_percent": Words(
        "connections.trend",
        "percent",
        "Local ports towards one destination: {pace} more in use a day, none is left {coming}",
        "ss -Htan | awk '{{print $5}}' | sort | uniq -c | sort -rn | head",
        "number",
    ),
    "conntrack": Words(
        "network.trend",
        "connections",
        "The connection tracking table grows by {pace} a day, is full {coming}",
        "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max",
        "number",
    ),
}


def trends(subject: Subject) -> Iterator[Finding]:
    """Each number of which the history says that its limit is met within weeks; logs are told with logs."""
    for number in subject.past.foretold:
        if number.metric in NUMBERS and number.metric != "log_bytes":
            yield from told(subject, number)


def told(subject: Subject, number: Foretold) -> Iterator[Finding]:
    """The finding of one number, if its limit is near."""
    severity = severity_of(subject, number)
    if severity != "ok":
        yield _finding(subject, number, NUMBERS[number.metric], severity)


def log_ahead(subject: Subject, path: str) -> Foretold | None:
    """What is foretold of a log, if it is near."""
    numbers = (one for one in subject.past.foretold if one.metric == "log_bytes" and one.label == path)
    return next((one for one in numbers if severity_of(subject, one) != "ok"), None)


def severity_of(subject: Subject, number: Foretold) -> Severity:
    """Critical if the limit may be met within days, warning within weeks; ok if not, or if it is undone."""
    now = _now(subject.snapshot, number)
    if number.confidence < SURE or now is None:
        return "ok"
    low = number.low_days - _elapsed(subject, number)
    if _undone(subject.snapshot, number, now) or low > subject.thresholds.trends_warning_days:
        return "ok"
    return "critical" if low <= subject.thresholds.trends_critical_days else "warning"


def _undone(snapshot: Snapshot, number: Foretold, now: float) -> bool:
    """Whether the number has gone back since, or its limit has moved away."""
    way = number.limit - number.value
    if not way:
        return False
    read = _LIMIT.get(number.metric)
    limit = (read(snapshot, number.label) if read else None) or number.limit
    return (number.value - now) / way > UNDONE or (limit - now) / way > 1.0 + UNDONE


def _finding(subject: Subject, number: Foretold, words: Words, severity: Severity) -> Finding:
    pace = amount(abs(number.slope_per_day), words.unit)
    label = number.label or number.metric
    said = words.said.format(
        label=short(number.label),
        pace=pace,
        limit=amount(number.limit, words.unit),
        coming=when(subject, number),
    )
    elapsed = _elapsed(subject, number)
    evidence: dict[str, Any] = {words.key: label}
    return found(
        words.rule,
        severity,
        label,
        said,
        then=words.then.format(quoted=quoted(number.label)),
        **evidence,
        metric=number.metric,
        now=_now(subject.snapshot, number),
        limit=number.limit,
        slope_per_day=number.slope_per_day,
        confidence=round(number.confidence, 3),
        eta_low=max(number.low_days - elapsed, 0.0),
        eta_high=None if number.high_days is None else max(number.high_days - elapsed, 0.0),
        **_of_log(subject.snapshot, number),
    )


def when(subject: Subject, number: Foretold) -> str:
    """When the limit is met, counted from this scan: ``in 6 to 11 days``."""
    elapsed = _elapsed(subject, number)
    high = None if number.high_days is None else number.high_days - elapsed
    return coming(number.low_days - elapsed, high, subject.taken_at)


def _elapsed(subject: Subject, number: Foretold) -> float:
    return max(subject.taken_at - number.made_at, 0.0) / DAY


def _of_log(snapshot: Snapshot, number: Foretold) -> dict[str, Any]:
    """The mount of a log and its size, as the other findings of logs name them."""
    if number.metric != "log_bytes":
        return {}
    logs = facts(snapshot.logs)
    mounts = [file.mount for file in (logs.files if logs else None) or () if file.path == number.label]
    return {"mount": mounts[0] if mounts else None, "size_bytes": _now(snapshot, number)}


def _now(snapshot: Snapshot, number: Foretold) -> float | None:
    """What the number is in this snapshot; None if it was not measured or the thing has gone."""
    read = _READ.get(number.metric)
    return read(snapshot, number.label) if read else None


def _volume(of: Callable[[Volume], float | None]) -> Callable[[Snapshot, str], float | None]:
    def read(snapshot: Snapshot, mount: str) -> float | None:
        disk = facts(snapshot.disk)
        volumes = (disk.volumes if disk else None) or ()
        return next((of(volume) for volume in volumes if volume.mount == mount), None)

    return read


def _group(of: Callable[[ProcessGroup], float | None]) -> Callable[[Snapshot, str], float | None]:
    def read(snapshot: Snapshot, name: str) -> float | None:
        processes = facts(snapshot.processes)
        groups = (processes.groups if processes else None) or ()
        return next((of(group) for group in groups if group.name == name), None)

    return read


def _log(snapshot: Snapshot, path: str) -> float | None:
    logs = facts(snapshot.logs)
    files = (logs.files if logs else None) or ()
    return next((file.size_bytes for file in files if file.path == path and not file.deleted), None)


def _files(snapshot: Snapshot, name: str) -> float | None:
    processes = facts(snapshot.processes)
    held = [
        one.open_files for one in (processes.top_open_files if processes else None) or () if one.name == name
    ]
    return max(held) if held else _group(lambda group: group.open_files)(snapshot, name)


def _of(step: str, fact: str) -> Callable[[Snapshot, str], float | None]:
    def read(snapshot: Snapshot, _label: str) -> float | None:
        value: float | None = getattr(facts(getattr(snapshot, step)), fact, None)
        return value

    return read


def _time_wait(snapshot: Snapshot, _label: str) -> float | None:
    connections = facts(snapshot.connections)
    states = connections.states if connections else None
    return states.get("time_wait", 0) if states is not None else None


_READ: dict[str, Callable[[Snapshot, str], float | None]] = {
    "disk_used_bytes": _volume(lambda volume: volume.used_bytes),
    "inodes_used_percent": _volume(lambda volume: volume.inodes_used_percent),
    "log_bytes": _log,
    "mem_available_bytes": _of("memory", "available_bytes"),
    "process_rss_bytes": _group(lambda group: group.rss_bytes),
    "process_fds": _files,
    "process_threads": _group(lambda group: group.threads),
    "processes": _of("processes", "total"),
    "threads": _of("processes", "threads"),
    "open_files": _of("processes", "open_files"),
    "time_wait": _time_wait,
    "local_ports_percent": _of("connections", "local_ports_percent"),
    "conntrack": _of("network", "conntrack"),
}


def _volume_size(volume: Volume) -> float | None:
    used, available = volume.used_bytes, volume.available_bytes
    return None if used is None or available is None else used + available


def _log_limit(snapshot: Snapshot, path: str) -> float | None:
    logs, size = facts(snapshot.logs), _log(snapshot, path)
    mounts = [file.mount for file in (logs.files if logs else None) or () if file.path == path and file.mount]
    room = _volume(lambda volume: volume.available_bytes)(snapshot, mounts[0]) if mounts else None
    return None if size is None or room is None else size + room


def _files_limit(snapshot: Snapshot, name: str) -> float | None:
    processes = facts(snapshot.processes)
    held = [one for one in (processes.top_open_files if processes else None) or () if one.name == name]
    return max(held, key=lambda one: one.open_files).limit if held else None


_LIMIT: dict[str, Callable[[Snapshot, str], float | None]] = {
    "disk_used_bytes": _volume(_volume_size),
    "log_bytes": _log_limit,
    "process_fds": _files_limit,
    "conntrack": _of("network", "conntrack_max"),
}

RULES = (trends,)
