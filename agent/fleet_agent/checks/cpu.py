"""Step 1: who eats the CPU."""

import posix as os
import time

from fleet_agent import cgroups
from fleet_agent.pressure import parse_pressure
from fleet_agent.table import TICKS_PER_SECOND, parse_stat

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
TOP = 10
PARENTS = 3
HIDDEN, HIDDEN_SHARE = 20, 0.1  # by fewer the kernel's count and ours differ for their different moments
STORM_PERCENT = 10  # of the machine used by nobody that is left: from here their parents are looked at
HOT_PERCENT = 25  # of one core; from here the threads of the first process are looked at
HOT_SECONDS = 0.2
HOT_THREADS = 5
THREADS_LIMIT = 512


def sample(host):
    """The counters of ``/proc/stat`` and of the agent's control group."""
    return time.monotonic(), parse_cpu_stat(host.read("/proc/stat", 1 << 22)), _throttling(host)


def collect(section):
    """The data of ``Cpu`` in the snapshot; shares are of the time since ``sample``.

    ``unexplained_percent`` is the part of the whole machine's CPU time that no surviving process used, in
    excess of interrupts and steal: many short-lived processes, as a rule. It is not told where the kernel has
    ``hidden_tasks``, those of other containers, as these counters are of all.
    """
    host = section.host
    at, stat, throttling = sample(host)
    facts = {"cores": len(stat["cores"]), "usable_cores": _usable_cores(host, len(stat["cores"]))}
    facts.update(section.fact("load1", lambda: parse_loadavg(host.read("/proc/loadavg", 128))) or {})
    facts["runnable"] = stat["procs_running"]
    facts["blocked"] = stat["procs_blocked"]
    facts["pressure"] = section.fact("pressure", lambda: parse_pressure(host.read("/proc/pressure/cpu")))
    if section.first:
        begun, earlier, throttled = section.first
        facts["interval_seconds"] = round(at - begun, 3)
        facts.update(_rates(earlier, stat, at - begun))
        facts["throttled_percent"] = _share(throttled, throttling)
    facts["hidden_tasks"] = _hidden(section.table, facts.pop("tasks", None))
    if section.table.earlier:
        facts.update(_processes(section, facts.get("percent"), len(stat["cores"])))
    if facts["hidden_tasks"]:
        facts["unexplained_percent"] = None
    return facts


def _hidden(table, tasks):
    """Tasks of the kernel that are not seen from here; None where they may only have come or gone."""
    hidden = (tasks or 0) - sum([row.threads for row in table.rows.values()])
    return hidden if table.rows and hidden > HIDDEN and hidden > HIDDEN_SHARE * tasks else None


def parse_cpu_stat(text):
    """``/proc/stat``: "cpu" and each of "cores" as eight tick counts, "ctxt", "processes", "procs_*".

    Guest time is inside user and nice already (proc(5)) and left out.
    """
    stat = {"cpu": [0] * 8, "cores": [], "procs_running": None, "procs_blocked": None}
    for line in text.split("\n"):
        if line.startswith("cpu"):
            words = line.split()
            ticks = [int(word) for word in words[1:9]]
            ticks += [0] * (8 - len(ticks))
            if words[0] == "cpu":
                stat["cpu"] = ticks
            else:
                stat["cores"].append(ticks)
        elif line.startswith(("ctxt ", "processes ", "procs_")):
            name, value = line.split()
            stat[name] = int(value)
    return stat


def parse_loadavg(text):
    """The three load averages of ``/proc/loadavg``, and how many tasks the kernel has, in all namespaces."""
    words = text.split()
    loads = {"load1": float(words[0]), "load5": float(words[1]), "load15": float(words[2])}
    return dict(loads, tasks=int(words[3].partition("/")[2]))


def percent(earlier, later):
    """The CpuPercent fact between two tick counts; iowait that runs backwards (proc(5)) is zero."""
    used = [max(0, later[mode] - earlier[mode]) for mode in range(len(MODES))]
    total = sum(used)
    if not total:
        return None
    shares = {name: round(100.0 * used[mode] / total, 2) for mode, name in enumerate(MODES)}
    shares["busy"] = round(100.0 * (total - used[3] - used[4]) / total, 2)
    return shares


def top(rows, earlier, seconds):
    """[(percent of one core, row)] of the processes that used the CPU between two samples, busiest first."""
    busy = []
    for pid, row in rows.items():
        before = earlier.get(pid)
        ticks = row.ticks - before[1] if before and before[0] == row.started_ticks else row.ticks
        if ticks > 0:
            busy.append((100.0 * ticks / TICKS_PER_SECOND / seconds, row))
    return sorted(busy, key=lambda one: (-one[0], one[1].pid))


def _rates(earlier, stat, seconds):
    shares = map(percent, earlier["cores"], stat["cores"])
    cores = [share for share in shares if share] if len(earlier["cores"]) == len(stat["cores"]) else []
    facts = {
        "percent": percent(earlier["cpu"], stat["cpu"]),
        "cores_busy_percent": [share["busy"] for share in cores] or None,
        "hottest_core": max(cores, key=lambda share: share["busy"]) if len(cores) > 1 else None,
        "counters": {"cpu_first": earlier["cpu"], "cpu": stat["cpu"]},
    }
    for name, fact in (("ctxt", "context_switches_per_second"), ("processes", "forks_per_second")):
        if name in earlier and name in stat:
            facts[fact] = round(max(0, stat[name] - earlier[name]) / seconds, 1)
            facts["counters"][name] = [earlier[name], stat[name]]
    return facts


def _processes(section, shares, cores):
    table = section.table
    busy = top(table.rows, table.earlier, table.seconds)
    facts = {"top": [_fact(table, row, share, cores) for share, row in section.cut("top", busy, TOP)]}
    if shares:
        used = sum(share for share, _ in busy) / max(1, cores)
        own = shares["user"] + shares["nice"] + shares["system"]
        facts["unexplained_percent"] = round(max(0.0, own - used), 2)
        if facts["unexplained_percent"] >= STORM_PERCENT:
            facts["parents"] = _parents(table)
    if busy and busy[0][0] >= HOT_PERCENT and busy[0][1].threads > 1 and section.host.live:
        facts["hot_threads"] = section.fact("hot_threads", _hot_threads, section.host, busy[0][1].pid)
    return facts


def _fact(table, row, share, cores):
    fact = table.who(row.pid)
    fact.update(threads=row.threads, state=row.state, nice=row.nice)
    fact["core_percent"] = round(share, 1)
    fact["machine_percent"] = round(share / max(1, cores), 2)
    fact["cpu_seconds"] = round(row.ticks / TICKS_PER_SECOND, 1)
    return fact


def _parents(table):
    """Those whose children used the CPU and ended between the samples, or were born there and are left."""
    born = {}
    for pid, row in table.rows.items():
        if pid not in table.earlier:
            born[row.parent] = born.get(row.parent, 0) + 1
    found = []
    for pid, (started, _, _, reaped) in table.earlier.items():
        row = table.rows.get(pid)
        if row is not None and row.started_ticks == started and (row.reaped_ticks > reaped or pid in born):
            found.append((row.reaped_ticks - reaped, born.get(pid, 0), pid))
    found.sort(key=lambda one: (-one[0], -one[1], one[2]))
    per_tick = 100.0 / TICKS_PER_SECOND / table.seconds
    return [
        dict(table.who(pid), children_core_percent=round(ticks * per_tick, 1), children_born=count)
        for ticks, count, pid in found[:PARENTS]
    ]


def _hot_threads(host, pid):
    """The busiest threads of a process, over a short interval of their own."""
    begun = time.monotonic()
    earlier = {row.pid: (row.started_ticks, row.ticks) for row in _threads(host, pid)}
    time.sleep(HOT_SECONDS)
    rows = {row.pid: row for row in _threads(host, pid)}
    busy = top(rows, earlier, time.monotonic() - begun)[:HOT_THREADS]
    return [{"tid": row.pid, "name": row.name, "core_percent": round(share, 1)} for share, row in busy]


def _threads(host, pid):
    directory = "/proc/%d/task/" % pid
    for name in host.list(directory)[:THREADS_LIMIT]:
        try:
            yield parse_stat(host.read(directory + name + "/stat", 4096))
        except (OSError, ValueError, IndexError):
            continue


def _usable_cores(host, cores):
    """Cores that affinity and the control groups' quotas leave, in hundredths."""
    usable = float(len(os.sched_getaffinity(0))) if host.live else float(cores)
    for quota in _quotas(host):
        usable = min(usable, quota)
    return round(usable, 2)


def _quotas(host):
    found = cgroups.controller(host, "cpu")
    if not found:
        return
    version, top_directory = found
    try:
        paths = cgroups.upwards(cgroups.own_path(host, version, "cpu"))
    except OSError:
        return
    for path in paths:
        quota = _quota(host, version, top_directory + path)
        if quota:
            yield quota


def _quota(host, version, directory):
    """Cores' worth of CPU time that a control group may use, or None where it has no limit."""
    try:
        if version == 2:
            words = host.read(directory + "/cpu.max", 64).split()
        else:
            words = [host.read(directory + "/cpu.cfs_%s_us" % name, 64) for name in ("quota", "period")]
        return int(words[0]) / int(words[1]) if int(words[0]) > 0 else None
    except (OSError, ValueError, IndexError, ZeroDivisionError):
        return None


def _throttling(host):
    """cpu.stat of the agent's control group: of a container it is the whole container's; {} without."""
    found = cgroups.controller(host, "cpu")
    try:
        return cgroups.parse_counters(host.read(found[1] + "/cpu.stat", 4096)) if found else {}
    except OSError:
        return {}


def _share(earlier, later):
    """Percent of the quota periods in which the group was held back."""
    if "nr_periods" not in earlier or "nr_periods" not in later:
        return None
    periods = later["nr_periods"] - earlier["nr_periods"]
    held = later["nr_throttled"] - earlier["nr_throttled"]
    return round(100.0 * held / periods, 1) if periods > 0 else 0.0
