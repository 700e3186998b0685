"""Step 9: space and inodes per volume, volumes that hang or went read-only, drives, swap."""

from __future__ import annotations

from collections.abc import Iterator

from fleet_collector.findings.finding import Finding, Severity, found, level
from fleet_collector.findings.past import facts
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.words import listed, quoted, several, short, who, who_evidence
from fleet_collector.snapshot.disk import DeletedFile, Disk, Volume
from fleet_collector.wording import number, percent, size

# Full by nature, or not storage at all.
FULL_BY_NATURE = {"squashfs", "iso9660", "erofs", "cramfs", "udf", "romfs", "efivarfs", "fuse.portal"}
MIB = 1024**2
LOW_MEMORY_PERCENT = 30.0  # with more than this available, a full swap holds idle pages only


def space(subject: Subject) -> Iterator[Finding]:
    """A volume short of room, in percent and in bytes; what fills it by name."""
    limits = subject.thresholds
    for volume in _volumes(subject):
        used, left = volume.used_percent, volume.available_bytes
        if used is None or left is None or volume.read_only or not volume.size_bytes:
            continue
        if used >= limits.disk_used_critical_percent and left < limits.disk_available_critical_bytes:
            yield _space(subject, volume, "critical", used, left)
        elif used >= limits.disk_used_percent and left < limits.disk_available_bytes:
            yield _space(subject, volume, "warning", used, left)


def _space(subject: Subject, volume: Volume, severity: Severity, used: float, left: int) -> Finding:
    root_only = left == 0 and (volume.free_bytes or 0) > 0
    fills = _what_fills(subject, volume.mount)
    return found(
        "disk.space",
        severity,
        volume.mount,
        f"{short(volume.mount)} is {percent(used)} full, {size(left)} left"
        + (f" ({size(volume.free_bytes or 0)} for root)" if root_only else "")
        + (f"; largest there: {fills}" if fills else ""),
        then=f"du -xh --max-depth=2 {quoted(volume.mount)} 2>/dev/null | sort -rh | head -20",
        mount=volume.mount,
        device=volume.device,
        type=volume.type,
        used_percent=used,
        available_bytes=left,
        size_bytes=volume.size_bytes,
        server=volume.server,
    )


def _what_fills(subject: Subject, mount: str) -> str:
    """The largest things known on a volume: deleted files, logs, directories."""
    disk, logs = facts(subject.snapshot.disk), facts(subject.snapshot.logs)
    things = [
        (file.size_bytes, f"deleted {short(file.path)} of {who(file)}")
        for file in (disk.deleted if disk else None) or ()
        if file.mount == mount
    ]
    things += [
        (file.size_bytes, short(file.path) + (f" of {who(file.writer)}" if file.writer else ""))
        for file in (logs.files if logs else None) or ()
        if file.mount == mount and not file.deleted
    ]
    things = things or [
        (directory.size_bytes, short(directory.path))
        for directory in (disk.large_directories if disk else None) or ()
        if directory.mount == mount and directory.path != mount
    ]
    largest = sorted(things, key=lambda thing: -thing[0])[:2]
    return listed(f"{name} ({size(held)})" for held, name in largest)


def inodes(subject: Subject) -> Iterator[Finding]:
    """A volume that can take no more files, however much space it has."""
    limits = subject.thresholds
    for volume in _volumes(subject):
        if volume.read_only or (volume.inodes_free or 0) >= limits.disk_inodes_free or not volume.inodes:
            continue
        share = volume.inodes_used_percent
        severity = level(share, limits.disk_inodes_percent, limits.disk_inodes_critical_percent)
        if severity != "ok":
            yield found(
                "disk.inodes",
                severity,
                volume.mount,
                f"{short(volume.mount)} has {percent(share or 0)} of its inodes in use,"
                f" {several(volume.inodes_free or 0, 'more file')} can be made",
                then=f"du -x --inodes --max-depth=3 {quoted(volume.mount)} 2>/dev/null | sort -rn | head",
                mount=volume.mount,
                device=volume.device,
                inodes=volume.inodes,
                inodes_free=volume.inodes_free,
                inodes_used_percent=share,
            )


def read_only(subject: Subject) -> Iterator[Finding]:
    """A volume that should be writable and is not; one that was always meant so is left alone."""
    previous = subject.past.previous
    was_writable = set((previous.writable if previous else None) or ())
    for volume in _volumes(subject):
        errors = bool(volume.read_only and volume.errors)
        meant = bool(volume.read_only and volume.fstab_read_write)
        became = bool(volume.read_only and volume.mount in was_writable)
        if not (volume.emergency_read_only or errors or meant or became):
            continue
        why = "the kernel made it so after an error" if volume.emergency_read_only or errors else ""
        why = why or ("/etc/fstab wants it writable" if meant else "it was writable at the last scan")
        yield found(
            "disk.read_only",
            "critical",
            volume.mount,
            f"{short(volume.mount)} is read-only: {why}",
            then="journalctl -k --no-pager | grep -iE 'ext4|xfs|btrfs|i/o error|remount' | tail -20",
            mount=volume.mount,
            device=volume.device,
            errors=volume.errors,
            emergency=volume.emergency_read_only,
            fstab_read_write=volume.fstab_read_write,
        )


def errors(subject: Subject) -> Iterator[Finding]:
    """A file system that has counted errors and still takes writes."""
    for volume in _volumes(subject):
        if volume.errors and not volume.read_only and not volume.emergency_read_only:
            yield found(
                "disk.errors",
                "warning",
                volume.mount,
                f"The file system on {short(volume.mount)} has counted {several(volume.errors, 'error')}",
                then="journalctl -k --no-pager | grep -iE 'ext4|i/o error' | tail -20",
                mount=volume.mount,
                device=volume.device,
                errors=volume.errors,
            )


def hung(subject: Subject) -> Iterator[Finding]:
    """A volume that does not answer at all."""
    disk = facts(subject.snapshot.disk)
    for volume in (disk.volumes if disk else None) or ():
        if volume.hung:
            place = f" of {short(volume.server)}" if volume.server else ""
            yield found(
                "disk.hung",
                "critical",
                volume.mount,
                f"{short(volume.mount)} ({volume.type or 'unknown type'}{place}) does not answer:"
                " whoever touches it hangs",
                then="grep -F ' " + volume.mount[:200].replace("'", "") + " ' /proc/self/mountinfo",
                mount=volume.mount,
                device=volume.device,
                type=volume.type,
                server=volume.server,
            )


def deleted(subject: Subject) -> Iterator[Finding]:
    """Space that files without a name keep because a process has them open."""
    disk = facts(subject.snapshot.disk)
    if disk is None or not disk.deleted:
        return
    held: dict[tuple[int, str | None], list[DeletedFile]] = {}
    for file in disk.deleted:
        held.setdefault((file.pid, file.mount), []).append(file)
    volumes = {volume.mount: volume for volume in disk.volumes or ()}
    for (_, mount), files in held.items():
        volume = volumes.get(mount or "")
        yield from _deleted(subject, sorted(files, key=lambda file: -file.size_bytes), volume)


def _deleted(subject: Subject, files: list[DeletedFile], volume: Volume | None) -> Iterator[Finding]:
    limits, first = subject.thresholds, files[0]
    total = sum(file.size_bytes for file in files)
    share = 100 * total / volume.size_bytes if volume and volume.size_bytes else 0.0
    large = total >= limits.disk_deleted_bytes and (share >= 1 or volume is None)
    alarming = large or (total >= 16 * MIB and share >= limits.disk_deleted_percent)
    if not alarming and total < limits.disk_deleted_bytes:
        return
    what = (
        short(first.path)
        if len(files) == 1
        else f"{several(len(files), 'file')}, {short(first.path)} largest"
    )
    yield found(
        "disk.deleted",
        "warning" if alarming else "ok",
        first.path,
        f"{who(first)} keeps {size(total)} of deleted files open on"
        f" {short(first.mount or 'its volume')}: {what}",
        then=f"ls -l /proc/{first.pid}/fd | grep -F '(deleted)'",
        path=first.path,
        mount=first.mount,
        size_bytes=total,
        files=len(files),
        percent_of_volume=round(share, 1) if volume else None,
        **who_evidence(first),
    )


def latency(subject: Subject) -> Iterator[Finding]:
    """A drive that answers slowly under real work, with the pressure to confirm it."""
    disk = facts(subject.snapshot.disk)
    if disk is None:
        return
    if disk.pressure is not None and (disk.pressure.full_avg10 or 0) < 5:
        return
    for drive in disk.drives or ():
        requests = (drive.reads_per_second or 0) + (drive.writes_per_second or 0)
        slow = (drive.wait_ms or 0) >= subject.thresholds.disk_wait_ms
        if slow and requests >= 10 and (drive.util_percent or 0) >= 80:
            yield found(
                "disk.latency",
                "warning",
                drive.name,
                f"{drive.name} needs {number(drive.wait_ms or 0)} ms for a request, busy"
                f" {percent(drive.util_percent or 0)} of the time{_writer(disk)}",
                then="iostat -x 1 3",
                drive=drive.name,
                wait_ms=drive.wait_ms,
                util_percent=drive.util_percent,
                requests_per_second=round(requests, 1),
                mounts=drive.mounts,
            )


def pressure(subject: Subject) -> Iterator[Finding]:
    """Everything that runs waits for drives, more than one task of it."""
    disk, cpu = facts(subject.snapshot.disk), facts(subject.snapshot.cpu)
    full = disk.pressure.full_avg60 if disk and disk.pressure else None
    if disk is None or full is None or full < subject.thresholds.disk_pressure_percent:
        return
    # A lone backup on an idle host also "stalls everything that runs".
    blocked = cpu.blocked if cpu else None
    if blocked is not None and blocked < 2:
        return
    yield found(
        "disk.pressure",
        "warning",
        "drives",
        f"All tasks waited for drives in {percent(full)} of the last minute{_writer(disk)}",
        then="cat /proc/pressure/io; ps -eo state,pid,wchan:30,args | grep '^D'",
        full_avg60=full,
        blocked=blocked,
    )


def _writer(disk: Disk) -> str:
    first = disk.writers[0] if disk.writers else None
    return f"; {who(first)} writes {size(first.write_bytes_per_second)}/s" if first else ""


def raid(subject: Subject) -> Iterator[Finding]:
    """An array that lost devices."""
    disk = facts(subject.snapshot.disk)
    for array in (disk.raids if disk else None) or ():
        lost = array.devices is not None and array.working is not None and array.working < array.devices
        if lost or "degraded" in array.state:
            yield found(
                "disk.raid",
                "critical",
                array.name,
                f"The array {array.name} is degraded: {array.working} of {array.devices} devices work",
                then="cat /proc/mdstat",
                name=array.name,
                devices=array.devices,
                working=array.working,
                state=array.state,
            )


def swap(subject: Subject) -> Iterator[Finding]:
    """Swap nearly full while memory is short as well; idle pages in swap hurt nobody."""
    memory, limits = facts(subject.snapshot.memory), subject.thresholds
    if memory is None or not memory.swap_total_bytes or memory.swap_used_percent is None:
        return
    severity = level(memory.swap_used_percent, limits.disk_swap_percent, limits.disk_swap_critical_percent)
    left = 100.0
    if memory.available_bytes is not None and memory.total_bytes:
        left = 100 * memory.available_bytes / memory.total_bytes
    if severity == "ok" or left >= LOW_MEMORY_PERCENT:
        return
    swapped = memory.swapped[0] if memory.swapped else None
    yield found(
        "disk.swap",
        severity if left < 10 else "warning",
        swapped.name if swapped else "swap",
        f"Swap is {percent(memory.swap_used_percent)} full ({size(memory.swap_total_bytes)})"
        + (f"; {who(swapped)} has {size(swapped.swap_bytes or 0)} there" if swapped else ""),
        then="cat /proc/swaps; grep -H VmSwap /proc/[0-9]*/status | sort -k2 -rn | head",
        swap_used_percent=memory.swap_used_percent,
        swap_total_bytes=memory.swap_total_bytes,
        available_percent=round(left, 1),
        **(who_evidence(swapped) if swapped else {}),
    )


def _volumes(subject: Subject) -> list[Volume]:
    disk = facts(subject.snapshot.disk)
    volumes = (disk.volumes if disk else None) or []
    return [volume for volume in volumes if not volume.hung and volume.type not in FULL_BY_NATURE]


RULES = (space, inodes, read_only, errors, hung, deleted, latency, pressure, raid, swap)
