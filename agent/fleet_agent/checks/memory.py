"""Step 2: how much memory is left."""

import time

from fleet_agent import cgroups
from fleet_agent.host import Absent
from fleet_agent.pressure import parse_pressure
from fleet_agent.table import PAGE_BYTES

TOP = 10
GROUPS = 20
OOM_RECORDS = 10
COUNTERS = ("pswpin", "pswpout", "pgmajfault", "oom_kill")
DIRECT_RECLAIMS = (
    "allocstall",
    "allocstall_dma",
    "allocstall_dma32",
    "allocstall_normal",
    "allocstall_movable",
)


def sample(host):
    """The counters of ``/proc/vmstat``."""
    return time.monotonic(), parse_vmstat(host.read("/proc/vmstat", 65536))


def collect(section):
    """The data of ``Memory`` in the snapshot; rates are over the time since ``sample``."""
    host = section.host
    facts = summary(parse_meminfo(host.read("/proc/meminfo", 65536)))
    facts["pressure"] = section.fact("pressure", lambda: parse_pressure(host.read("/proc/pressure/memory")))
    now = section.fact("counters", sample, host)
    if now:
        facts["oom_kills"] = now[1].get("oom_kill")
        if section.first:
            facts.update(_rates(section.first, now))
    if facts.get("oom_kills") != 0:  # kernels before 4.13 do not count them
        facts["oom"] = section.fact("oom", _oom, section)
    if section.table.rows:
        facts.update(_holders(section, facts))
    facts["groups"] = section.fact("groups", _groups, section)
    return facts


def parse_meminfo(text):
    """``/proc/meminfo`` in bytes (the HugePages counts stay counts)."""
    values = {}
    for line in text.split("\n"):
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            values[name] = int(words[0]) * (1024 if len(words) > 1 else 1)
    return values


def parse_vmstat(text):
    """The counters of ``/proc/vmstat`` that tell of swapping, major faults, direct reclaim and OOM kills."""
    every = cgroups.parse_counters(text)
    found = {name: every[name] for name in COUNTERS if name in every}
    stalls = [every[name] for name in DIRECT_RECLAIMS if name in every]
    if stalls:
        found["allocstall"] = sum(stalls)
    return found


def summary(meminfo):
    """What is left and what is used. Without MemAvailable (before 3.14) it is free, buffers and cache."""
    total = meminfo["MemTotal"]
    available = meminfo.get("MemAvailable")
    if available is None:
        kept = meminfo.get("Buffers", 0) + meminfo.get("Cached", 0) - meminfo.get("Shmem", 0)
        available = meminfo["MemFree"] + max(0, kept)
    swap_total = meminfo.get("SwapTotal", 0)
    swap_used = max(0, swap_total - meminfo.get("SwapFree", 0))  # lxcfs has told of more free than there is
    return {
        "total_bytes": total,
        "available_bytes": available,
        "free_bytes": meminfo["MemFree"],
        "used_percent": round(100.0 * (total - available) / total, 2),
        "swap_total_bytes": swap_total,
        "swap_used_bytes": swap_used,
        "swap_used_percent": round(100.0 * swap_used / swap_total, 2) if swap_total else None,
        "meminfo": meminfo,
    }


def parse_status(text):
    """Anonymous and swapped bytes of ``/proc/PID/status``."""
    facts = {}
    for line in text.split("\n"):
        if line.startswith(("RssAnon:", "VmSwap:")):
            words = line.split()
            facts["anon_bytes" if words[0] == "RssAnon:" else "swap_bytes"] = int(words[1]) * 1024
    return facts


def _rates(first, now):
    seconds = now[0] - first[0]
    facts = {"counters": {name: [first[1].get(name, value), value] for name, value in now[1].items()}}
    for name, fact, size in (
        ("pswpin", "swap_in_bytes_per_second", PAGE_BYTES),
        ("pswpout", "swap_out_bytes_per_second", PAGE_BYTES),
        ("pgmajfault", "major_faults_per_second", 1),
        ("allocstall", "direct_reclaims_per_second", 1),
    ):
        if name in first[1] and name in now[1]:
            facts[fact] = round(max(0, now[1][name] - first[1][name]) * size / seconds, 1)
    return facts


def _oom(section):
    from fleet_agent import kernel_log

    if section.table.booted_at is None:
        raise Absent("when the machine booted is not known")
    uptime = float(section.host.read("/proc/uptime", 64).split()[0])
    messages = kernel_log.recent(kernel_log.read(section.host), uptime, kernel_log.OOM)
    return kernel_log.oom_kills(messages, section.table.booted_at)[-OOM_RECORDS:]


def _holders(section, facts):
    """The largest processes, and where swap is used those that are swapped out most."""
    rows = [row for row in section.table.rows.values() if row.rss_bytes]
    rows.sort(key=lambda row: (-row.rss_bytes, row.pid))
    top = [_fact(section, row) for row in section.cut("top", rows, TOP)]
    if not facts["swap_used_bytes"]:
        return {"top": top}
    swapped = [(_status(section.host, row).get("swap_bytes", 0), row) for row in section.table.rows.values()]
    swapped = sorted((pair for pair in swapped if pair[0]), key=lambda pair: (-pair[0], pair[1].pid))
    return {"top": top, "swapped": [_fact(section, row) for _, row in section.cut("swapped", swapped, TOP)]}


def _fact(section, row):
    fact = section.table.who(row.pid)
    fact["rss_bytes"] = row.rss_bytes
    fact.update(_status(section.host, row))
    try:
        fact["oom_score_adj"] = section.host.read_int("/proc/%d/oom_score_adj" % row.pid)
    except (OSError, ValueError):
        pass
    return fact


def _status(host, row):
    if row.kernel:
        return {}
    try:
        return parse_status(host.read("/proc/%d/status" % row.pid, 8192))
    except OSError:
        return {}


def _groups(section):
    """Control groups with a memory limit, fullest first; what the kernel can drop at once is not counted."""
    found = cgroups.controller(section.host, "memory")
    if not found:
        return None
    version, top = found
    groups = [_group(section.host, version, top, path) for path in cgroups.walk(section.host, top)]
    groups = [group for group in groups if group]
    groups.sort(key=lambda group: -group["used_bytes"] / max(1, group.get("limit_bytes", 1 << 62)))
    return section.cut("groups", groups, GROUPS)


def _group(host, version, top, path):
    """The MemoryGroup fact of a group with a limit or with OOM kills, else None."""
    directory = top + path
    names = FILES[version]
    limit = cgroups.limit_of(host, directory + names["limit"])
    events = _counters(host, directory + names["events"])
    if limit is None and not events.get("oom_kill"):
        return None
    used = cgroups.limit_of(host, directory + names["used"])
    if used is None:
        return None
    cache = _counters(host, directory + "/memory.stat").get(names["cache"], 0)
    fact = {"path": path or "/", "used_bytes": max(0, used - cache)}
    if limit is not None:
        fact["limit_bytes"] = limit
    if "oom_kill" in events:
        fact["oom_kills"] = events["oom_kill"]
    return fact


FILES = {
    1: {
        "limit": "/memory.limit_in_bytes",
        "used": "/memory.usage_in_bytes",
        "events": "/memory.oom_control",
        "cache": "total_inactive_file",
    },
    2: {
        "limit": "/memory.max",
        "used": "/memory.current",
        "events": "/memory.events",
        "cache": "inactive_file",
    },
}


def _counters(host, path):
    try:
        return cgroups.parse_counters(host.read(path, 16384))
    except OSError:
        return {}
