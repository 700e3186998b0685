"""The steps on systems other than Linux, as far as psutil has them (macOS, the BSDs, Solaris)."""

import os
import platform
import time

from fleet_agent.host import Absent
from fleet_agent.redact import redact

TOP = 10
GROUPS = 15
CPU_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


class Check(object):
    """A step by psutil, with the ``sample`` and ``collect`` of a check."""

    def __init__(self, step):
        self.step = step

    def sample(self, _host):
        """The CPU counters of the machine and of every process, for the one step that needs them twice."""
        if self.step != "cpu":
            return None
        psutil = library()
        return time.monotonic(), psutil.cpu_times(), _process_seconds(psutil)

    def collect(self, section):
        """The data of the step's section; raises Absent where psutil, or the step in it, is not there."""
        if self.step not in STEPS:
            raise Absent("only on Linux so far")
        return STEPS[self.step](library(), section)


def library():
    """psutil, from the site-packages that -S has hidden; raises Absent."""
    import site

    site.main()
    try:
        import psutil
    except ImportError:
        raise Absent("psutil is not installed there, and the system is not Linux") from None
    return psutil


def identity(psutil, _section):
    """The data of ``Identity``."""
    booted_at = psutil.boot_time()
    return {
        "hostname": platform.node(),
        "os": platform.platform(),
        "os_id": platform.system().lower(),
        "kernel": platform.release(),
        "arch": platform.machine(),
        "booted_at": booted_at,
        "uptime_seconds": round(time.time() - booted_at, 1),
        "clock_at": round(time.time(), 3),
        "cores": psutil.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
    }


def cpu(psutil, section):
    """The data of ``Cpu``."""
    cores = psutil.cpu_count() or 1
    facts = {"cores": cores}
    facts["load1"], facts["load5"], facts["load15"] = os.getloadavg()
    if section.first:
        begun, earlier, before = section.first
        seconds = time.monotonic() - begun
        facts["interval_seconds"] = round(seconds, 3)
        facts["percent"] = _percent(earlier, psutil.cpu_times())
        busy = []
        for pid, spent in _process_seconds(psutil).items():
            share = 100.0 * (spent - before.get(pid, spent)) / seconds
            if share > 0:
                busy.append((share, pid))
        busy.sort(reverse=True)
        facts["top"] = [
            dict(who(psutil, pid), core_percent=round(share, 1), machine_percent=round(share / cores, 2))
            for share, pid in section.cut("top", busy, TOP)
        ]
    return facts


def memory(psutil, section):
    """The data of ``Memory``."""
    virtual = psutil.virtual_memory()
    swap = psutil.swap_memory()
    rows = [(info["memory_info"].rss, info["pid"]) for info in _each(psutil, ["pid", "memory_info"])]
    rows.sort(reverse=True)
    return {
        "total_bytes": virtual.total,
        "available_bytes": virtual.available,
        "free_bytes": virtual.free,
        "used_percent": round(100.0 * (virtual.total - virtual.available) / virtual.total, 2),
        "swap_total_bytes": swap.total,
        "swap_used_bytes": swap.used,
        "swap_used_percent": round(100.0 * swap.used / swap.total, 2) if swap.total else None,
        "top": [dict(who(psutil, pid), rss_bytes=rss) for rss, pid in section.cut("top", rows, TOP)],
    }


def processes(psutil, section):
    """The data of ``Processes``; a wanted process is found by its name alone."""
    groups = {}
    states = {}
    for info in _each(psutil, ["pid", "name", "status", "memory_info", "create_time"]):
        state = STATES.get(info["status"], "S")
        states[state] = states.get(state, 0) + 1
        groups.setdefault(info["name"] or "?", []).append(info)
    facts = [_group(name, infos) for name, infos in groups.items()]
    facts.sort(key=lambda fact: (-fact["rss_bytes"], fact["name"]))
    chosen = [
        fact
        for place, fact in enumerate(facts)
        if place < GROUPS or fact["name"] in section.request["processes"]
    ]
    return {
        "total": sum(states.values()),
        "states": states,
        "groups": chosen,
        "wanted": [_wanted(name, groups.get(name, [])) for name in section.request["processes"]] or None,
    }


def network(psutil, _section):
    """The data of ``Network``: links with their addresses and counters."""
    counters = psutil.net_io_counters(pernic=True)
    addresses = psutil.net_if_addrs()
    links = []
    for name, state in sorted(psutil.net_if_stats().items()):
        link = {"name": name, "up": state.isup, "mtu": state.mtu}
        link["addresses"] = [
            one.address for one in addresses.get(name, []) if one.family.name.startswith("AF_INET")
        ]
        if name in counters:
            seen = counters[name]
            link.update(rx_bytes=seen.bytes_recv, tx_bytes=seen.bytes_sent)
            link.update(rx_packets=seen.packets_recv, tx_packets=seen.packets_sent)
            link.update(
                rx_errors=seen.errin, tx_errors=seen.errout, rx_dropped=seen.dropin, tx_dropped=seen.dropout
            )
        links.append(link)
    return {"interfaces": links}


def ports(psutil, section):
    """The data of ``Ports``; macOS tells owners to root only."""
    listeners = []
    for one in _connections(psutil):
        if one.laddr and (one.status == "LISTEN" or (one.status == "NONE" and not one.raddr)):
            protocol = ("tcp" if one.status == "LISTEN" else "udp") + ("6" if ":" in one.laddr[0] else "")
            fact = who(psutil, one.pid) if one.pid else {}
            fact.update(protocol=protocol, address=one.laddr[0], port=one.laddr[1])
            listeners.append(fact)
    unknown = sum(1 for fact in listeners if "pid" not in fact)
    return {"listeners": section.cut("listeners", listeners, 500), "owners_unknown": unknown}


def connections(psutil, _section):
    """The data of ``Connections``: how many in which state."""
    states = {}
    for one in _connections(psutil):
        if one.status not in ("LISTEN", "NONE"):
            state = one.status.lower()
            states[state] = states.get(state, 0) + 1
    return {"states": states, "total": sum(states.values())}


def disk(psutil, _section):
    """The data of ``Disk``: space of every volume and of swap."""
    volumes = []
    for part in psutil.disk_partitions():
        try:
            space = psutil.disk_usage(part.mountpoint)
        except OSError:
            continue
        options = part.opts.split(",")
        fact = {
            "mount": part.mountpoint,
            "device": part.device,
            "type": part.fstype,
            "read_only": "ro" in options,
        }
        fact.update(size_bytes=space.total, used_bytes=space.used, available_bytes=space.free)
        fact["used_percent"] = space.percent
        volumes.append(fact)
    return {"volumes": volumes}


def who(psutil, pid):
    """The Process fact of a pid."""
    fact = {"pid": pid, "name": "?"}
    try:
        process = psutil.Process(pid)
        fact["name"] = process.name()
        fact["user"] = process.username()
        fact["started_at"] = round(process.create_time(), 2)
        fact["command"] = redact(process.cmdline(), 400)
    except psutil.Error:
        pass
    return {name: value for name, value in fact.items() if value not in (None, "")}


def _percent(earlier, later):
    used = {mode: max(0.0, getattr(later, mode, 0.0) - getattr(earlier, mode, 0.0)) for mode in CPU_MODES}
    total = sum(used.values())
    if not total:
        return None
    shares = {mode: round(100.0 * seconds / total, 2) for mode, seconds in used.items()}
    shares["busy"] = round(100.0 - shares["idle"] - shares["iowait"], 2)
    return shares


def _each(psutil, names):
    """The facts of every process that lets itself be asked for all of them."""
    for process in psutil.process_iter(names):
        if all(process.info.get(name) is not None for name in names):
            yield process.info


def _process_seconds(psutil):
    return {
        info["pid"]: info["cpu_times"].user + info["cpu_times"].system
        for info in _each(psutil, ["pid", "cpu_times"])
    }


def _group(name, infos):
    starts = [info["create_time"] for info in infos]
    return {
        "name": name,
        "count": len(infos),
        "rss_bytes": sum(info["memory_info"].rss for info in infos),
        "started_at": round(min(starts), 2),
        "newest_started_at": round(max(starts), 2),
    }


def _wanted(name, infos):
    fact = {"name": name, "count": len(infos), "pids": [info["pid"] for info in infos][:100]}
    if infos:
        fact["newest_started_at"] = round(max(info["create_time"] for info in infos), 2)
    return fact


def _connections(psutil):
    try:
        return psutil.net_connections("inet")
    except psutil.AccessDenied:
        raise PermissionError(13, "the system shows connections to root only") from None


STATES = {
    "running": "R",
    "sleeping": "S",
    "disk-sleep": "D",
    "zombie": "Z",
    "stopped": "T",
    "idle": "I",
}
STEPS = {
    "identity": identity,
    "cpu": cpu,
    "memory": memory,
    "processes": processes,
    "network": network,
    "ports": ports,
    "connections": connections,
    "disk": disk,
}
