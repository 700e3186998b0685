"""Step 9: space and inodes per volume, swap, drives, deleted-but-open files, RAID."""

import posix as os
import time

from fleet_agent import mounts as mount_table
from fleet_agent.drives import device_name, drives, parse_diskstats, parse_mdstat
from fleet_agent.open_files import DELETED, OpenFiles
from fleet_agent.pressure import parse_pressure
from fleet_agent.section import reason

ANSWER_SECONDS = 1.0  # what a mount gets to say how full it is
WALK_SECONDS = 1.5
WALK_FROM_PERCENT = 90.0
MEBIBYTE = 1 << 20
BLOCK_BYTES = 512  # unit of st_blocks, whatever the file system
VOLUMES = 256
DELETED_SHOWN = 20
WRITERS = 10
DIRECTORIES = 10
IO_LIMIT = 5000  # processes whose counters are read
STATVFS = ("bsize", "frsize", "blocks", "bfree", "bavail", "files", "ffree")


def sample(host):
    """The counters of all drives and processes, and when they were read."""
    return {"at": time.monotonic(), "drives": _drive_counters(host), "processes": _process_counters(host)}


def collect(section):
    """The Disk fact."""
    host = section.host
    second = sample(host) if host.live else {"drives": _drive_counters(host)}
    mounts = section.fact("volumes", mount_table.read, host) or []
    volumes = mount_table.volumes(mounts)
    answers = mount_table.ask(volumes, ANSWER_SECONDS) if host.live else {}
    if not host.live:
        section.note("space", "absent: only the running machine tells")
    fstab = section.fact("fstab", _fstab, host) or {}
    facts = [_volume(section, mount, answers.get(mount.point), fstab) for mount in volumes]
    facts = _most_telling(section, [fact for fact in facts if fact.get("size_bytes") != 0])
    data = {
        "volumes": facts,
        "swaps": section.fact("swaps", _swaps, host),
        "raids": section.fact("raids", _raids, host),
        "pressure": section.fact("pressure", _pressure, host),
        "deleted": _deleted(section, mounts),
        "large_directories": _large_directories(section, facts, mounts),
    }
    data.update(_over_interval(section, volumes, second))
    return {name: value for name, value in data.items() if value is not None}


def _most_telling(section, facts):
    """Of very many volumes those that hang, are broken or are fullest, in their order again."""
    if len(facts) > VOLUMES:
        facts.sort(
            key=lambda fact: (
                not fact.get("hung"),
                not fact.get("emergency_read_only"),
                fact["read_only"],  # images are full by nature
                -max(fact.get("used_percent", 0), fact.get("inodes_used_percent", 0)),
            )
        )
        facts = sorted(section.cut("volumes", facts, VOLUMES), key=lambda fact: fact["mount"])
    return facts


def _volume(section, mount, answer, fstab):
    fact = {
        "mount": mount.point,
        "device": mount.source,
        "type": mount.type,
        "read_only": mount.read_only,
        "emergency_read_only": mount.emergency,
        "remote": mount.network,
        "server": mount.server,
        "fstab_read_write": fstab.get(mount.point),
    }
    if mount.type.startswith("ext"):
        fact["errors"] = _ext4_errors(section.host, mount)
    if isinstance(answer, list):
        fact.update(space({name: answer[place] for place, name in enumerate(STATVFS)}))
    elif answer is not None:
        section.note("volumes " + mount.point, reason(OSError(answer, os.strerror(answer))))
    elif section.host.live:
        fact["hung"] = True
        section.note("volumes " + mount.point, "timeout: statvfs did not answer in %g s" % ANSWER_SECONDS)
    return {name: value for name, value in fact.items() if value is not None}


def space(numbers):
    """Sizes and shares as df(1) reckons them, from the numbers of statvfs(3)."""
    unit = numbers["frsize"] or numbers["bsize"]
    used = max(0, numbers["blocks"] - numbers["bfree"])
    available = numbers["bavail"]
    fact = {
        "size_bytes": numbers["blocks"] * unit,
        "used_bytes": used * unit,
        "available_bytes": available * unit,
        "free_bytes": numbers["bfree"] * unit,
    }
    if used + available:
        fact["used_percent"] = round(100.0 * used / (used + available), 2)
    if numbers["files"]:  # btrfs, vfat and others have no fixed number of inodes
        fact["inodes"] = numbers["files"]
        fact["inodes_free"] = min(numbers["ffree"], numbers["files"])
        fact["inodes_used_percent"] = round(100.0 * (1 - fact["inodes_free"] / numbers["files"]), 2)
    return fact


def _ext4_errors(host, mount):
    name = device_name(host, mount)
    try:
        return host.read_int("/sys/fs/ext4/%s/errors_count" % name)
    except (OSError, ValueError):
        return None  # ext2 and ext3 by their own drivers, or a kernel before 4.18


def _fstab(host):
    return parse_fstab(host.read("/etc/fstab"))


def parse_fstab(text):
    """{mount point: whether it is meant to be writable} of fstab(5)."""
    wanted = {}
    for line in text.split("\n"):
        fields = line.split()
        if len(fields) > 3 and not fields[0].startswith("#"):
            wanted[mount_table.unescape(fields[1])] = "ro" not in fields[3].split(",")
    return wanted


def _swaps(host):
    return parse_swaps(host.read("/proc/swaps"))


def parse_swaps(text):
    """SwapDevice facts of ``/proc/swaps``, whose sizes are in KiB."""
    swaps = []
    for line in text.split("\n")[1:]:
        fields = line.split()
        if len(fields) >= 5:
            device, size, used = mount_table.unescape(fields[0]), int(fields[-3]), int(fields[-2])
            swaps.append({"device": device, "size_bytes": size * 1024, "used_bytes": used * 1024})
    return swaps


def _raids(host):
    return parse_mdstat(host.read("/proc/mdstat"))


def _pressure(host):
    return parse_pressure(host.read("/proc/pressure/io"))


def _deleted(section, mounts):
    """Files of at least 1 MiB that have no name any more, each with one process that keeps it."""
    if not section.host.live:
        section.note("deleted", "absent: only the running machine tells")
        return None
    files = OpenFiles(section.host, section.table, mounts, ANSWER_SECONDS)
    found = {}
    for pid, descriptor, target in files.held():
        if not target.endswith(DELETED):
            continue
        try:
            status = files.status(pid, descriptor, target)
        except OSError:
            continue
        size = status.st_blocks * BLOCK_BYTES
        if status.st_nlink == 0 and size >= MEBIBYTE:
            found.setdefault((status.st_dev, status.st_ino), (size, target[: -len(DELETED)], pid))
    if files.denial:
        section.note("deleted", files.denial)
    rows = sorted(
        ((size, path, pid, device) for (device, _), (size, path, pid) in found.items()), reverse=True
    )
    return [_deleted_file(section, mounts, *row) for row in section.cut("deleted", rows, DELETED_SHOWN)]


def _deleted_file(section, mounts, size, path, pid, device):
    fact = section.table.who(pid)
    fact.update(path=path, size_bytes=size)
    point = mount_table.place(mounts, path, "%d:%d" % (os.major(device), os.minor(device)))
    if point is not None:
        fact["mount"] = point
    return fact


def _large_directories(section, volumes, mounts):
    """What fills the volumes that are nearly full; none are, on most hosts, and then nothing is walked."""
    full = [
        fact for fact in volumes if fact.get("used_percent", 0) >= WALK_FROM_PERCENT and _is_walkable(fact)
    ]
    if not full:
        return []
    from fleet_agent.directories import large

    points = {mount.point for mount in mounts}
    deadline = time.monotonic() + WALK_SECONDS
    found = []
    full.sort(key=lambda fact: fact["available_bytes"])
    for position, fact in enumerate(full):
        now = time.monotonic()
        share = now + (deadline - now) / (len(full) - position)
        rows, cut = large(fact["mount"], points, share, DIRECTORIES)
        if cut:
            section.note("large_directories " + fact["mount"], cut)
        found += [{"path": path, "mount": fact["mount"], "size_bytes": size} for path, size in rows]
    return found


def _is_walkable(fact):
    return not (fact["read_only"] or fact["remote"] or fact["type"].startswith("fuse"))


def _over_interval(section, volumes, second):
    """Drives and writers: what happened between the samples, and the counters themselves."""
    first = section.first or {"drives": {}, "processes": {}, "at": 0.0}
    seconds = second["at"] - first["at"] if section.first and "at" in second else 0.0
    if not second["drives"]:
        section.note("drives", "absent")
        return {}
    facts = {
        "drives": drives(section.host, volumes, first["drives"], second["drives"], seconds),
        "writers": _writers(section, first["processes"], second.get("processes", {}), seconds),
    }
    names = {fact["name"] for fact in facts["drives"]}
    facts["counters"] = {
        when: {name: values for name, values in counters.items() if name in names}
        for when, counters in (("first", first["drives"]), ("second", second["drives"]))
    }
    return facts


def _writers(section, first, second, seconds):
    """Those that wrote most to storage, by the kernel's account when it let pages become dirty."""
    if os.geteuid() != 0:
        section.note("writers", "denied")
        return None
    if seconds <= 0:
        return None
    rows = []
    for pid, (read, written) in second.items():
        if pid in first and pid in section.table.rows and written > first[pid][1]:
            before = first[pid]
            rows.append(((written - before[1]) / seconds, max(0, read - before[0]) / seconds, pid))
    rows.sort(reverse=True)
    facts = []
    for written, read, pid in rows[:WRITERS]:
        fact = section.table.who(pid)
        fact.update(write_bytes_per_second=round(written, 1), read_bytes_per_second=round(read, 1))
        facts.append(fact)
    return facts


def _drive_counters(host):
    try:
        return parse_diskstats(host.read("/proc/diskstats"))
    except OSError:
        return {}


def _process_counters(host):
    """{pid: (bytes read, bytes written)} of ``/proc/PID/io``, which only root may read of others."""
    counters = {}
    if not host.live or os.geteuid() != 0:
        return counters
    for name in [name for name in host.list("/proc") if name.isdigit()][:IO_LIMIT]:
        try:
            lines = host.read_bytes("/proc/" + name + "/io", 512).split(b"\n")
            counters[int(name)] = (int(lines[4][12:]), int(lines[5][13:]))
        except (OSError, ValueError, IndexError):
            continue
    return counters
