"""Step 0: rebooted, clock off, trouble in the kernel's log."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fleet_collector.findings.finding import Finding, Severity, found, level
from fleet_collector.findings.past import facts
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.words import ago, several, short
from fleet_collector.snapshot.identity import KernelMessage
from fleet_collector.wording import duration

# After node-problem-detector's kernel-monitor; what another step tells better is left to it.
MESSAGES: dict[str, tuple[Severity, str]] = {
    "hung_task": ("warning", "tasks blocked for minutes"),
    "soft_lockup": ("warning", "a CPU that was stuck in the kernel"),
    "kernel_bug": ("warning", "a fault of the kernel itself"),
    "io_error": ("warning", "I/O errors of a drive"),
    "filesystem_error": ("critical", "file system errors"),
    "read_only_remount": ("critical", "a file system that was made read-only"),
    "memory_error": ("warning", "memory hardware errors"),
    "conntrack_full": ("warning", "a full connection tracking table, packets were dropped"),
    "neighbour_full": ("warning", "a full neighbour table"),
    "tcp_memory": ("warning", "TCP out of memory"),
    "syn_flood": ("warning", "more connection requests than a listener takes"),
    "nfs_silent": ("warning", "an NFS server that does not answer"),
    "link_down": ("ok", "a link that went down"),
    "segfault": ("ok", "a program that crashed"),
    "throttled": ("ok", "a CPU slowed down for its heat"),
}
PASSING_DEVICE = re.compile(r"\b(loop\d+|nbd\d+|zram\d+|sr\d+)\b")
SETTLED_SECONDS = 3600.0  # after a boot the clock is set within minutes
TOLD_ELSEWHERE = ("oom_kill",)


def rebooted(subject: Subject) -> Iterator[Finding]:
    """Another boot than at the last scan; without a past, a young one is told without alarm."""
    identity = facts(subject.snapshot.identity)
    if identity is None or identity.uptime_seconds is None:
        return
    previous = subject.past.previous
    again = previous is not None and None not in (previous.boot_id, identity.boot_id)
    if again and previous and previous.boot_id != identity.boot_id:
        text = f"Rebooted {duration(identity.uptime_seconds)} ago, since the last scan"
        severity: Severity = "warning"
    elif not again and identity.uptime_seconds < 600:
        text, severity = f"Up for {duration(identity.uptime_seconds)} only", "ok"
    else:
        return
    yield found(
        "identity.rebooted",
        severity,
        subject.host,
        text,
        then="last -x reboot shutdown | head",
        uptime_seconds=identity.uptime_seconds,
        booted_at=identity.booted_at,
        boot_id=identity.boot_id,
    )


def clock(subject: Subject) -> Iterator[Finding]:
    """The host's clock against the collector's."""
    offset = subject.clock_offset_seconds
    if offset is None:
        return
    limits = subject.thresholds
    severity = level(abs(offset), limits.identity_clock_seconds, limits.identity_clock_critical_seconds)
    if severity == "ok":
        return
    identity = facts(subject.snapshot.identity)
    synchronised = identity.clock_synchronised if identity else None
    reason = ", and nothing sets it" if synchronised is False else ""
    yield found(
        "identity.clock",
        severity,
        "clock",
        f"The clock is {duration(abs(offset))} {'ahead' if offset > 0 else 'behind'}{reason}",
        then="timedatectl; chronyc -n tracking",
        offset_seconds=round(offset, 3),
        synchronised=synchronised,
    )


def unsynchronised(subject: Subject) -> Iterator[Finding]:
    """The clock was kept at the last scan and is not now; the kernel waits for hours before it says so."""
    identity, previous = facts(subject.snapshot.identity), subject.past.previous
    if identity is None or previous is None or (identity.uptime_seconds or 0.0) < SETTLED_SECONDS:
        return
    if previous.clock_synchronised and identity.clock_synchronised is False:
        error = identity.clock_error_seconds
        yield found(
            "identity.unsynchronised",
            "warning",
            "clock",
            "The clock is not synchronised any more, as it was at the last scan"
            + (f"; it may be {duration(error)} off" if error else ""),
            then="timedatectl; chronyc -n sources; systemctl list-units | grep -iE 'chron|ntp|timesync'",
            error_seconds=error,
        )


def kernel_messages(subject: Subject) -> Iterator[Finding]:
    """Known trouble in the kernel's log since the last scan; of each kind one finding."""
    identity = facts(subject.snapshot.identity)
    for message in (identity.kernel_messages if identity else None) or ():
        if message.kind in TOLD_ELSEWHERE or message.last_at is None:
            continue
        if not _left_device(subject, message.last or ""):
            yield _kernel_message(subject, message, message.last_at)


def _kernel_message(subject: Subject, message: KernelMessage, last_at: float) -> Finding:
    severity, meaning = MESSAGES.get(message.kind, ("warning", message.kind.replace("_", " ")))
    return found(
        "identity.kernel_message",
        severity if last_at >= subject.since else "ok",
        message.kind,
        f"The kernel's log tells of {meaning}, {several(message.count, 'time')} in a day, last "
        f"{ago(last_at, subject.now)}: {short(message.last or '', 120)}",
        then="journalctl -k -n 50 --no-pager || dmesg | tail -50",
        kind=message.kind,
        count=message.count,
        last_at=last_at,
        last=message.last,
    )


def _left_device(subject: Subject, text: str) -> bool:
    """Whether a message is of a loop device or the like that is not mounted here (any more)."""
    device = PASSING_DEVICE.search(text)
    disk = facts(subject.snapshot.disk)
    if device is None or disk is None or disk.volumes is None:
        return False
    return all((volume.device or "").rpartition("/")[2] != device[1] for volume in disk.volumes)


RULES = (rebooted, clock, unsynchronised, kernel_messages)
