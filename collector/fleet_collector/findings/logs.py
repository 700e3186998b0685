"""Step 10: files that grow without rotation.

A file is judged by what is known of it: whether it is a log at all, whether a rule of logrotate covers it,
whether the program rotates it by itself, how fast it grows (against the last scan where there is one, else
within the interval), and when its volume would be full.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from fleet_collector.findings.ahead import log_ahead, severity_of, told, when
from fleet_collector.findings.finding import Finding, Severity, found, worst
from fleet_collector.findings.past import Foretold, facts, log_key
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.words import ago, listed, quoted, rate, short, who, who_evidence
from fleet_collector.snapshot.disk import Volume
from fleet_collector.snapshot.logs import LogFile
from fleet_collector.wording import duration, size

DAY = 86400.0
PERIODS = {"hourly": 3600.0, "daily": DAY, "weekly": 7 * DAY, "monthly": 31 * DAY, "yearly": 366 * DAY}
LOG_NAME = re.compile(
    r"(^|[/._-])(logs?|out|err|stdout|stderr|trace|audit|console|access|error|messages|syslog)"
    r"([/._-]|$)",
    re.IGNORECASE,
)
ROTATED = re.compile(r"[.-](\d{1,3}|\d{8}([-_.]?\d{2,6})?|\d{4}-\d{2}-\d{2}|old)(\.(gz|xz|bz2|zst))?$")
NOTHING_LEFT_SECONDS = 3600.0  # any file, log or not, that fills a nearly full volume within the hour
MOMENT_SECONDS = 600.0


class Growth(Struct, frozen=True):
    """How fast a file grows, ``measured`` over this many seconds, and when its volume is full."""

    bytes_per_second: float
    measured_seconds: float | None
    full_seconds: float | None


def files(subject: Subject) -> Iterator[Finding]:
    """One finding at most for each large file: the sentence that matters most."""
    logs, disk = facts(subject.snapshot.logs), facts(subject.snapshot.disk)
    if logs is None or not logs.files:
        return
    volumes = {volume.mount: volume for volume in (disk.volumes if disk else None) or ()}
    self_rotated = {stem for file in logs.files if (stem := rotated_stem(file.path))}
    for file in logs.files:
        volume = volumes.get(file.mount or "")
        growth = growth_of(subject, file, volume)
        rotates = file.path in self_rotated or _rotates(subject, file)
        said = list(_of_file(subject, file, volume, growth, rotates=rotates))
        yield from said
        foretold = log_ahead(subject, file.path)
        if foretold is not None and not said:
            yield from told(subject, foretold)


def _of_file(
    subject: Subject, file: LogFile, volume: Volume | None, growth: Growth, *, rotates: bool
) -> Iterator[Finding]:
    if file.rotated_name or file.deleted:
        yield from _old_file(subject, file, growth)
    elif not is_log(file):
        yield from _other(subject, file, volume, growth)
    elif file.rotation is not None and file.rotation.covered:
        yield from _covered(subject, file, volume, growth)
    elif not rotates:
        yield from _uncovered(subject, file, volume, growth)


def is_log(file: LogFile) -> bool:
    """Whether a file is a log, and not a database, an image or a download."""
    return bool(file.under_root) or LOG_NAME.search(file.path) is not None


def rotated_stem(path: str) -> str | None:
    """The live file's path, of a rotated one: ``app.log`` of ``app.log.3.gz``."""
    match = ROTATED.search(path)
    return path[: match.start()] if match else None


def growth_of(subject: Subject, file: LogFile, volume: Volume | None) -> Growth:
    """Growth since the last scan if that was minutes ago, else within the interval."""
    per_second, measured = file.growth_bytes_per_second or 0.0, None
    previous = subject.past.previous
    if previous is not None and previous.logs is not None:
        before = previous.logs.get(log_key(file.path, file.device, file.inode))
        elapsed = subject.taken_at - previous.taken_at
        if before is not None and elapsed >= MOMENT_SECONDS:
            per_second, measured = max(file.size_bytes - before, 0) / elapsed, elapsed
    left = volume.available_bytes if volume else None
    full = left / per_second if per_second > 0 and left is not None else None
    return Growth(per_second, measured, full)


def _rotates(subject: Subject, file: LogFile) -> bool:
    """Whether the past shows the same path under another inode, or larger than now: somebody rotates it."""
    for glimpse in subject.past.glimpses:
        for key, held in (glimpse.logs or {}).items():
            path, _, identity = key.rpartition("|")
            if path == file.path and (
                identity != f"{file.device or ''}:{file.inode or ''}" or held > file.size_bytes * 1.05
            ):
                return True
    return False


def _uncovered(subject: Subject, file: LogFile, volume: Volume | None, growth: Growth) -> Iterator[Finding]:
    limits = subject.thresholds
    large = is_large(subject, file, volume)
    fast = _is_fast(subject, growth)
    full_days = growth.full_seconds / DAY if growth.full_seconds is not None else None
    soon = full_days is not None and full_days < limits.logs_full_days
    why = "no rule of logrotate covers it"
    if file.path.startswith("/var/lib/docker/containers/"):
        why = "the container's log has no max-size"
    if fast and (large or soon):
        yield _finding(subject, file, "growing", _severity(subject, growth), why, growth)
    elif large and _in_use(subject, file):
        yield _finding(subject, file, "large", "warning", why, growth)
    elif large:
        yield _finding(subject, file, "large", "ok", "nothing writes to it", growth)


def _is_fast(subject: Subject, growth: Growth) -> bool:
    return growth.bytes_per_second * 3600 >= subject.thresholds.logs_growth_bytes_per_hour


def _severity(subject: Subject, growth: Growth) -> Severity:
    """Critical if its volume is full within the day at this rate."""
    full = growth.full_seconds
    return (
        "critical"
        if full is not None and full < subject.thresholds.logs_full_critical_days * DAY
        else "warning"
    )


def is_large(subject: Subject, file: LogFile, volume: Volume | None) -> bool:
    """A gigabyte, or a good part of its volume."""
    limits = subject.thresholds
    part = volume.size_bytes * limits.logs_large_percent / 100 if volume and volume.size_bytes else None
    return file.size_bytes >= limits.logs_large_bytes or (part is not None and file.size_bytes >= part)


def _in_use(subject: Subject, file: LogFile) -> bool:
    recent = file.modified_at is not None and subject.now - file.modified_at < DAY
    growing = bool(file.growth_bytes_per_second) or log_ahead(subject, file.path) is not None
    return file.writer is not None or recent or growing


def _covered(subject: Subject, file: LogFile, volume: Volume | None, growth: Growth) -> Iterator[Finding]:
    rotation = file.rotation
    if rotation is None or not _in_use(subject, file):
        return
    period = PERIODS.get(rotation.period or "")
    rule = f" (rule in {short(rotation.rule, 60)})" if rotation.rule else ""
    if rotation.last_at is None and file.size_bytes >= subject.thresholds.logs_large_bytes:
        why = f"a rule of logrotate covers it and has never rotated it{rule}"
        yield _finding(subject, file, "not_rotated", "warning", why, growth)
    elif (
        rotation.last_at is not None
        and period is not None
        and subject.now - rotation.last_at > 2 * period + DAY
    ):
        why = f"it should rotate {rotation.period} and did last {ago(rotation.last_at, subject.now)}{rule}"
        yield _finding(subject, file, "not_rotated", "warning", why, growth)
    elif (
        is_large(subject, file, volume)
        and _is_fast(subject, growth)
        and _severity(subject, growth) != "warning"
    ):
        why = f"its rule of logrotate ({rotation.period or 'by size'}) may come too late"
        yield _finding(subject, file, "growing", "critical", why, growth)


def _old_file(subject: Subject, file: LogFile, growth: Growth) -> Iterator[Finding]:
    """A file that was rotated or removed while its writer kept on: the new one stays empty."""
    lively = (file.growth_bytes_per_second or 0) > 0 or (
        file.modified_at is not None and subject.now - file.modified_at < MOMENT_SECONDS
    )
    if file.writer is None or not lively or not is_log(file):
        return
    what = "it was deleted" if file.deleted else "it was rotated"
    why = f"{what} and its writer kept it open: it was not told to reopen its log"
    yield _finding(subject, file, "old_file", _severity(subject, growth), why, growth)


def _other(subject: Subject, file: LogFile, volume: Volume | None, growth: Growth) -> Iterator[Finding]:
    """Not a log: only told when it is about to fill a volume that has little left."""
    tight = volume is not None and (volume.used_percent or 0) >= 70
    if tight and growth.full_seconds is not None and growth.full_seconds < NOTHING_LEFT_SECONDS:
        yield _finding(subject, file, "filling", "warning", "it is not a log", growth)


def _finding(
    subject: Subject, file: LogFile, name: str, severity: Severity, why: str, growth: Growth
) -> Finding:
    writer = f", written by {who(file.writer)}" if file.writer else ""
    foretold = log_ahead(subject, file.path)
    if foretold is not None:
        severity = worst([severity, severity_of(subject, foretold)])
    grows, full = _grows(subject, file, growth, foretold)
    rotation, directory = file.rotation, file.path.rpartition("/")[0]
    return found(
        f"logs.{name}",
        severity,
        file.path,
        f"{short(file.path)} has {size(file.size_bytes)}{writer}{grows}: {why}{full}",
        then=f"ls -lh {quoted(file.path)}*; grep -rn {quoted(directory)} /etc/logrotate.*",
        path=file.path,
        mount=file.mount,
        size_bytes=file.size_bytes,
        growth_bytes_per_second=growth.bytes_per_second or None,
        growth_measured_seconds=growth.measured_seconds,
        full_in_seconds=growth.full_seconds,
        slope_per_day=foretold.slope_per_day if foretold else None,
        covered=rotation.covered if rotation else None,
        rotation_rule=rotation.rule if rotation else None,
        rotated_at=rotation.last_at if rotation else None,
        deleted=file.deleted or None,
        **(who_evidence(file.writer) if file.writer else {}),
    )


def _grows(subject: Subject, file: LogFile, growth: Growth, foretold: Foretold | None) -> tuple[str, str]:
    """How fast a file grows and when its volume is full: by the history, else by the last scan."""
    mount = short(file.mount or "its volume")
    if foretold is not None:
        return f", grows {size(foretold.slope_per_day)} a day", f"; {mount} is full {when(subject, foretold)}"
    grows = f", grows {rate(growth.bytes_per_second)}" if growth.bytes_per_second > 0 else ""
    if growth.full_seconds is not None and growth.full_seconds < subject.thresholds.logs_full_days * DAY:
        return grows, f"; {mount} is full in {duration(growth.full_seconds)}"
    return grows, ""


def logrotate(subject: Subject) -> Iterator[Finding]:
    """Errors in the rules of logrotate, or not run for days though something should start it."""
    logs = facts(subject.snapshot.logs)
    tool = logs.logrotate if logs else None
    if tool is None or not tool.installed:
        return
    problems = [problem for problem in tool.problems if "Permission denied" not in problem]
    identity = facts(subject.snapshot.identity)
    if problems:
        # An image with logrotate and no cron is how containers are made.
        image = identity is not None and identity.container is not None
        harmless = image and all("no cron daemon" in problem for problem in problems)
        yield found(
            "logs.logrotate",
            "ok" if harmless else "warning",
            "logrotate",
            f"logrotate has errors in its rules: {listed(short(one, 120) for one in problems)}",
            then="logrotate -d /etc/logrotate.conf 2>&1 | grep -i error",
            problems=problems[:10],
        )
    up = identity.uptime_seconds if identity else None
    late = tool.last_run_at is not None and subject.now - tool.last_run_at > 2 * DAY
    if late and tool.scheduled and up is not None and up > 2 * DAY:
        yield found(
            "logs.logrotate",
            "warning",
            "logrotate",
            f"logrotate last ran {ago(tool.last_run_at or 0, subject.now)}, though a {tool.scheduled} should"
            " start it",
            then="systemctl status logrotate.timer logrotate.service --no-pager -n 20",
            last_run_at=tool.last_run_at,
            scheduled=tool.scheduled,
        )


def journal(subject: Subject) -> Iterator[Finding]:
    """The journal beyond what journald allows itself: 10 % of its volume, 4 GiB (journald.conf(5))."""
    logs, disk = facts(subject.snapshot.logs), facts(subject.snapshot.disk)
    used = logs.journal.used_bytes if logs and logs.journal else None
    if logs is None or logs.journal is None or not used:
        return
    volume = _volume_of("/var/log/journal", (disk.volumes if disk else None) or [])
    share = 100 * used / volume.size_bytes if volume and volume.size_bytes else 0.0
    if used < 5 * 1024**3 and share < (15 if used >= 1024**3 else 30):
        return
    crowded = volume is None or (volume.used_percent or 0) >= 70
    cap = logs.journal.cap_bytes
    yield found(
        "logs.journal",
        "warning" if crowded else "ok",
        "journald",
        f"The journal holds {size(used)}" + (f" of the {size(cap)} it may" if cap else ", without a cap"),
        then="journalctl --disk-usage; grep -r MaxUse /etc/systemd/journald.conf*",
        used_bytes=used,
        cap_bytes=cap,
        mount=volume.mount if volume else None,
        path="/var/log/journal",
    )


def _volume_of(path: str, volumes: list[Volume]) -> Volume | None:
    """The volume a path lies on: the one with the longest mount point above it."""
    above = [v for v in volumes if path == v.mount or path.startswith(v.mount.rstrip("/") + "/")]
    return max(above, key=lambda volume: len(volume.mount), default=None)


RULES = (files, logrotate, journal)
