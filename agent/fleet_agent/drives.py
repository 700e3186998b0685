"""Block devices: their counters, what they carry, and md arrays."""

VIRTUAL = ("loop", "ram", "sr", "fd", "zram", "nbd")
FIELDS = 11  # of Documentation/admin-guide/iostats.rst, discards and flushes left out
SECTOR_BYTES = 512
SHOWN = 32
WORDS = ("recovery", "resync", "reshape", "check")


def parse_diskstats(text):
    """{name: [reads, merged, sectors, ms, writes, merged, sectors, ms, in flight, busy ms, weighted ms]}."""
    drives = {}
    for line in text.split("\n"):
        fields = line.split()
        if len(fields) >= 3 + FIELDS:
            numbers = [int(field) for field in fields[3 : 3 + FIELDS]]
            drives[fields[2]] = [max(0, number) for number in numbers]  # old kernels have -1 in flight
    return drives


def rates(first, second, seconds):
    """What a drive did between two samples; nothing of a counter that was reset."""
    delta = [after - first[place] for place, after in enumerate(second)]
    delta[8] = 0  # in flight is no counter
    if seconds <= 0 or min(delta) < 0:
        return {"in_flight": second[8]}
    requests = delta[0] + delta[4]
    facts = {
        "reads_per_second": round(delta[0] / seconds, 2),
        "writes_per_second": round(delta[4] / seconds, 2),
        "read_bytes_per_second": round(delta[2] * SECTOR_BYTES / seconds, 1),
        "write_bytes_per_second": round(delta[6] * SECTOR_BYTES / seconds, 1),
        "util_percent": round(min(100.0, delta[9] / seconds / 10), 2),
        "in_flight": second[8],
    }
    if requests:
        facts["wait_ms"] = round((delta[3] + delta[7]) / requests, 3)
    return facts


def drives(host, volumes, first, second, seconds):
    """A Drive fact of each device that was ever used: no partitions; loop devices where mounted."""
    carried = _carried(host, volumes)
    try:
        whole = set(host.list("/sys/block"))
    except OSError:
        whole = set(second)
    facts = []
    for name, counters in second.items():
        mounted = carried.get(name, [])
        if name not in whole or not (mounted or (any(counters) and not name.startswith(VIRTUAL))):
            continue
        fact = rates(first[name], counters, seconds) if name in first else {"in_flight": counters[8]}
        fact.update(name=name, mounts=mounted)
        rotational = _rotational(host, name)
        if rotational is not None:
            fact["rotational"] = rotational
        facts.append(fact)
    facts.sort(key=lambda fact: (-fact.get("util_percent", 0), fact["name"]))
    return facts


def _rotational(host, name):
    try:
        return host.read_int("/sys/block/%s/queue/rotational" % name) == 1
    except (OSError, ValueError):
        return None


def _carried(host, volumes):
    """{whole device: mount points}, down through partitions, device mapper, md and the like."""
    carried = {}
    for volume in volumes:
        for name in _below(host, device_name(host, volume), 0):
            carried.setdefault(name, []).append(volume.point)
    return carried


def device_name(host, mount):
    """The kernel's name of the block device of a mount (``vda1``, ``dm-0``), or None."""
    try:
        if not mount.device.startswith("0:"):
            return host.link("/sys/dev/block/" + mount.device).rpartition("/")[2]
        if mount.source.startswith("/dev/"):  # btrfs has device numbers of its own
            return _target(host, mount.source).rpartition("/")[2]
    except OSError:
        pass
    return None


def _target(host, path):
    """What a name below /dev/mapper or /dev/disk stands for; the path itself where it is no link."""
    try:
        return host.link(path)
    except OSError:
        return path


def _below(host, name, depth):
    """The whole devices that one lies on, itself included; eight layers are more than anybody stacks."""
    if not name or depth > 8:
        return []
    try:
        place = host.link("/sys/class/block/" + name).split("/")
    except OSError:
        return [name]
    if len(place) > 1 and place[-2] != "block" and host.exists("/sys/class/block/%s/partition" % name):
        name = place[-2]
    found = [name]
    try:
        slaves = host.list("/sys/class/block/%s/slaves" % name)
    except OSError:
        slaves = []
    for slave in slaves[:64]:
        found += [below for below in _below(host, slave, depth + 1) if below not in found]
    return found


def parse_mdstat(text):
    """Raid facts: ``state`` is active, inactive, or what goes on: recovery, resync, reshape, check."""
    raids = []
    for line in text.split("\n"):
        words = line.split()
        if len(words) > 2 and words[1] == ":" and words[0] != "Personalities":
            raids.append({"name": words[0], "state": words[2]})
        elif raids and line.startswith(" "):
            _parse_md_detail(raids[-1], line, words)
    return raids


def _parse_md_detail(raid, line, words):
    for word in words:
        numbers = word.strip("[]").split("/")
        if word[:1] == "[" and len(numbers) == 2 and "".join(numbers).isdigit():
            raid["devices"], raid["working"] = int(numbers[0]), int(numbers[1])
    for word in WORDS:
        if word + " =" in line or word + "=" in line:
            raid["state"] = word
