"""Chains on one host around volumes and drives: what fills them, and who suffers from it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fleet_collector.causes.case import Case, Link, Symptom, every, shared, words_of
from fleet_collector.findings.finding import found
from fleet_collector.findings.past import facts
from fleet_collector.findings.words import quoted, short

NO_SPACE = re.compile(r"no space left|disk (is )?full|ENOSPC|disk quota exceeded", re.IGNORECASE)
READ_ONLY = re.compile(r"read-only file ?system|EROFS", re.IGNORECASE)
LARGE_PART = 0.10  # of a volume: what is smaller did not fill it
LARGE_SHARE = 0.3  # of a volume's growth
UNITS = ("services.failed", "services.looping", "services.wanted")
# The kernel's wait channels by the file system that a task waits for.
WAITS = {
    "nfs": ("rpc_", "nfs"),
    "fuse": ("fuse_", "request_wait_answer"),
    "cifs": ("cifs", "smb", "wait_for_response"),
}
# Behind another task's look-up in the same directory, of whatever file system.
LOOKUPS = ("d_alloc_parallel", "lookup_slow", "path_openat", "walk_component")


def filled(case: Case) -> Iterator[Link]:
    """A growing, unrotated or deleted file fills its volume: the same mount, and a good part of it."""
    volumes = case.of("disk.space")
    for link in shared(case.of("logs.", "disk.deleted"), volumes, "mount"):
        held, room = link.cause.get("size_bytes") or 0, link.effect.get("size_bytes") or 0
        soon = link.cause.get("full_in_seconds")
        if held >= LARGE_PART * room or (soon is not None and soon < 86400):
            yield link


def fills(case: Case) -> Iterator[Link]:
    """A log that grows as fast as its volume is why that will be full, and why it is full already."""
    volumes = [trend for trend in case.of("disk.trend") if trend.get("metric") == "disk_used_bytes"]
    for link in shared(case.of("logs."), volumes, "mount"):
        pace = link.cause.get("slope_per_day") or 86400 * (link.cause.get("growth_bytes_per_second") or 0.0)
        if pace >= LARGE_SHARE * (link.effect.get("slope_per_day") or 0.0):
            yield link
    yield from shared(volumes, case.of("disk.space"), "mount")
    inodes = [trend for trend in case.of("disk.trend") if trend.get("metric") == "inodes_used_percent"]
    yield from shared(inodes, case.of("disk.inodes"), "mount")


def kept_open(case: Case) -> Iterator[Link]:
    """A deleted file that is still written is one thing with two faces: the same path."""
    yield from shared(case.of("disk.deleted"), case.of("logs.old_file"), "pid", "path")


def rotation_broken(case: Case) -> Iterator[Link]:
    """Logrotate does not work, so what it covers is not rotated."""
    yield from every(case.of("logs.logrotate"), case.of("logs.not_rotated"))


def starved(case: Case) -> Iterator[Link]:
    """A unit said itself that it had no space, or no right to write, and a volume is so."""
    for unit in case.of(*UNITS):
        words = words_of(unit)
        if NO_SPACE.search(words):
            yield from _named(case.of("disk.space", "disk.inodes"), unit, words)
        if READ_ONLY.search(words):
            yield from _named(case.of("disk.read_only") or _read_only_by_choice(case, words), unit, words)


def _read_only_by_choice(case: Case, words: str) -> list[Symptom]:
    """Volumes that are read-only without a fault, until a unit says that it has to write there."""
    disk = facts(case.judged.snapshot.disk) if case.judged.snapshot else None
    return [
        Symptom(
            case.host,
            found(
                "disk.read_only",
                "critical",
                volume.mount,
                f"{short(volume.mount)} is read-only, and what runs here has to write there",
                then=f"findmnt -o TARGET,SOURCE,FSTYPE,OPTIONS {quoted(volume.mount)}; cat /etc/fstab",
                mount=volume.mount,
                device=volume.device,
            ),
        )
        for volume in (disk.volumes if disk else None) or ()
        if volume.read_only and volume.mount != "/" and f"{volume.mount}/" in words
    ]


def _named(volumes: list[Symptom], unit: Symptom, words: str) -> Iterator[Link]:
    """The volume whose mount point the unit's words name; the only one there is needs no naming."""
    named = [v for v in volumes if v.get("mount") != "/" and str(v.get("mount")) in words]
    chosen = max(named, key=lambda v: len(str(v.get("mount"))), default=None)
    if chosen is None:
        chosen = (
            volumes[0] if len(volumes) == 1 else next((v for v in volumes if v.get("mount") == "/"), None)
        )
    if chosen is not None:
        yield Link(chosen, unit)


def hanging(case: Case) -> Iterator[Link]:
    """A mount that does not answer blocks the tasks that touch it: their wait channel or command tells.

    So it does those who queue behind them for a name: no drive takes that long to find one.
    """
    for volume in case.of("disk.hung"):
        kind = str(volume.get("type") or "")
        channels = next((names for name, names in WAITS.items() if kind.startswith(name)), ())
        for tasks in case.of("processes.blocked"):
            channel = str(tasks.get("wait_channel") or "")
            commands = " ".join(tasks.get("commands") or ())
            if channel.startswith((*channels, *LOOKUPS)) or str(volume.get("mount")) in commands:
                yield Link(volume, tasks)


def load_of_blocked(case: Case) -> Iterator[Link]:
    """Blocked tasks count into the load; with an idle CPU and enough of them they are the load."""
    for link in every(case.of("processes.blocked"), case.of("cpu.load")):
        count, load = link.cause.get("count") or 0, link.effect.get("load1") or link.effect.get("load5") or 0
        if link.effect.get("waiting") and count >= load / 4:
            yield link


def busy_drives(case: Case) -> Iterator[Link]:
    """A slow drive, all that wait for it, and the load they make while the CPU has nothing to do."""
    drives = case.of("disk.latency")
    waits = case.of("cpu.iowait")
    yield from shared(drives, waits, "drive")
    yield from every(drives, case.of("disk.pressure"))
    source = drives or case.of("disk.pressure")
    if not drives:
        yield from every(source, waits)
    local = [tasks for tasks in case.of("processes.blocked") if not tasks.get("drives_idle")]
    yield from every(source or waits, local)
    yield from every(source or waits, [load for load in case.of("cpu.load") if load.get("waiting")])


def errors(case: Case) -> Iterator[Link]:
    """What the kernel said of a device, and the volume on it."""
    volumes = case.of("disk.read_only", "disk.errors")
    for message in case.of("identity.kernel_message"):
        text, kind = str(message.get("last") or ""), message.get("kind")
        for volume in volumes:
            device = str(volume.get("device") or "").rpartition("/")[2]
            if not device or device not in text:
                continue
            yield Link(message, volume) if kind == "io_error" else Link(volume, message)
        for tasks in case.of("processes.blocked") if kind == "hung_task" else ():
            if any(f"task {name}:" in text for name in tasks.get("names") or ()):
                yield Link(tasks, message)
        for mount in case.of("disk.hung") if kind == "nfs_silent" else ():
            if mount.get("server") and str(mount.get("server")) in text:
                yield Link(mount, message)


LINKS = (
    filled,
    fills,
    kept_open,
    rotation_broken,
    starved,
    hanging,
    load_of_blocked,
    busy_drives,
    errors,
)
