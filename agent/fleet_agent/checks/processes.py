"""Step 3: too many processes, or the wanted one dead."""

from fleet_agent import cgroups, inotify
from fleet_agent.table import TICKS_PER_SECOND

TOP = 10
GROUPS = 15  # largest by each measure
LIMITS = 10
LIMIT_PERCENT = 20  # from here a limit on tasks is reported
BLOCKED = 50
ZOMBIE_NAMES = 5
LIMITS_READ = 8  # processes of one name whose limits are read
USERS = 20


def collect(section):
    """The data of ``Processes`` in the snapshot. ``total`` and ``states`` count kernel threads too."""
    host = section.host
    rows = section.table.rows
    if not rows:
        raise FileNotFoundError(2, "no processes below /proc")
    if section.table.hides_others:
        section.note("total", "denied: hidepid hides the processes of others")
    files = _open_files(section)
    owners = _owners(section)
    facts = {
        "total": len(rows),
        "threads": sum(row.threads for row in rows.values()),
        "states": _count(row.state for row in rows.values()),
        "by_user": _by_user(section, owners),
        "pid_max": section.fact("pid_max", host.read_int, "/proc/sys/kernel/pid_max"),
        "threads_max": section.fact("threads_max", host.read_int, "/proc/sys/kernel/threads-max"),
        "zombies": _zombies(section),
        "blocked": _blocked(section),
        "stopped": _stopped(section),
        "top_open_files": _top_open_files(section, files),
        "top_threads": _top_threads(section),
        "groups": _groups(section, files),
        "limits": section.fact("limits", _limits, section, owners),
        "inotify": section.fact("inotify", inotify.used, section),
    }
    facts.update(section.fact("open_files", _system_files, host) or {})
    if section.request["processes"]:
        from fleet_agent.wanted import find

        facts["wanted"] = [_wanted(section, name, pids) for name, pids in find(section)]
    return facts


def parse_limits(text):
    """Soft limits of ``/proc/PID/limits`` on "files" and "processes"; None is unlimited."""
    limits = {}
    for title, name in (("Max open files", "files"), ("Max processes", "processes")):
        soft = text.partition(title)[2].split(None, 1)[:1]
        if soft:
            limits[name] = int(soft[0]) if soft[0].isdigit() else None
    return limits


def parse_file_nr(text):
    """Open files of the system and their limit (``/proc/sys/fs/file-nr``)."""
    words = text.split()
    return {"open_files": int(words[0]) - int(words[1]), "open_files_max": int(words[2])}


def _count(values):
    counts = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts


def _owners(section):
    """{pid: uid} of all but kernel threads."""
    owners = {}
    for pid, row in section.table.rows.items():
        if not row.kernel:
            try:
                owners[pid] = section.host.stat("/proc/%d" % pid).st_uid
            except OSError:
                continue
    return owners


def _by_user(section, owners):
    counts = sorted(_count(owners.values()).items(), key=lambda pair: -pair[1])
    return {section.table.user(uid): count for uid, count in section.cut("by_user", counts, USERS)}


def _open_files(section):
    """{pid: open files}, as far as they may be counted.

    Since Linux 6.2 the size of /proc/PID/fd is their number, for everybody to see; before, it is listed.
    """
    host = section.host
    try:
        sized = host.live and host.stat("/proc/self/fd").st_size > 0
    except OSError:
        sized = False
    found = {}
    denied = 0
    for pid, row in section.table.rows.items():
        if row.kernel or row.state == "Z":
            continue
        directory = "/proc/%d/fd" % pid
        try:
            found[pid] = host.stat(directory).st_size if sized else len(host.list(directory))
        except PermissionError:
            denied += 1
        except OSError:
            continue
    if denied:
        section.note("top_open_files", "denied for %d processes" % denied)
    return found


def _zombies(section):
    """Dead children by the parent that does not collect them, most first."""
    rows = section.table.rows
    children = {}
    for row in rows.values():
        if row.state == "Z":
            children.setdefault(row.parent, []).append(row.name)
    groups = sorted(children.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return [
        {"parent": section.table.who(pid), "count": len(names), "names": sorted(set(names))[:ZOMBIE_NAMES]}
        for pid, names in section.cut("zombies", groups, TOP)
    ]


def _blocked(section):
    """Tasks in uninterruptible sleep, those that were so in both samples first."""
    table = section.table
    rows = [row for row in table.rows.values() if row.state == "D"]
    rows.sort(key=lambda row: (not table.stuck(row), row.pid))
    facts = []
    for row in section.cut("blocked", rows, BLOCKED):
        fact = table.who(row.pid)
        fact["both_samples"] = table.stuck(row)
        try:
            channel = section.host.read("/proc/%d/wchan" % row.pid, 128)
            fact["wait_channel"] = channel if channel != "0" else None
        except OSError:
            pass
        facts.append(fact)
    return facts


def _stopped(section):
    """Processes that a signal has stopped (SIGSTOP), or a terminal (Ctrl-Z)."""
    pids = [pid for pid, row in sorted(section.table.rows.items()) if row.state == "T"]
    return [section.table.who(pid) for pid in section.cut("stopped", pids, TOP)]


def _top_open_files(section, files):
    top = sorted(files.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP]
    return [
        dict(section.table.who(pid), open_files=count, limit=_limits_of(section.host, pid).get("files"))
        for pid, count in top
    ]


def _top_threads(section):
    rows = [row for row in section.table.rows.values() if row.threads > 1]
    rows.sort(key=lambda row: (-row.threads, row.pid))
    return [dict(section.table.who(row.pid), threads=row.threads) for row in rows[:TOP]]


def _limits_of(host, pid):
    try:
        return parse_limits(host.read("/proc/%d/limits" % pid, 4096))
    except OSError:
        return {}


def _groups(section, files):
    """All processes by name: the largest names by each measure, and the wanted ones."""
    groups = {}
    for row in section.table.rows.values():
        if not row.kernel and row.state != "Z":
            groups.setdefault(row.name, []).append(row)
    facts = [_group(section.table, name, rows, files) for name, rows in groups.items()]
    chosen = {name[:15] for name in section.request["processes"]}
    for measure in ("rss_bytes", "cpu_percent", "threads", "open_files"):
        sized = [fact for fact in facts if fact.get(measure)]
        sized.sort(key=lambda fact: (-fact[measure], fact["name"]))
        chosen.update(fact["name"] for fact in sized[:GROUPS])
    facts = [fact for fact in facts if fact["name"] in chosen]
    for fact in facts:
        _add_owner(section, fact, groups[fact["name"]], files)
    return sorted(facts, key=lambda fact: (-fact["rss_bytes"], fact["name"]))


def _group(table, name, rows, files):
    """The sums over the processes of one name."""
    ticks = 0
    for row in rows:
        before = table.earlier.get(row.pid)
        ticks += row.ticks - before[1] if before and before[0] == row.started_ticks else row.ticks
    counted = [files[row.pid] for row in rows if row.pid in files]
    fact = {
        "name": name,
        "count": len(rows),
        "threads": sum(row.threads for row in rows),
        "rss_bytes": sum(row.rss_bytes for row in rows),
        "started_at": table.started_at(min(rows, key=lambda row: row.started_ticks)),
        "newest_started_at": table.started_at(max(rows, key=lambda row: row.started_ticks)),
    }
    if table.seconds:
        fact["cpu_percent"] = round(100.0 * max(0, ticks) / TICKS_PER_SECOND / table.seconds, 1)
    if counted:
        fact["open_files"] = sum(counted)
    return fact


def _add_owner(section, fact, rows, files):
    """Who runs the oldest process of a group, and the lowest limit of those with most open files."""
    oldest = min(rows, key=lambda row: (row.started_ticks, row.pid))
    fact["user"] = section.table.owner(oldest.pid)
    fact["unit"] = section.table.unit(oldest.pid)
    rows = sorted(rows, key=lambda row: -files.get(row.pid, 0))[:LIMITS_READ]
    limits = [_limits_of(section.host, row.pid).get("files") for row in rows]
    fact["open_files_limit"] = min([limit for limit in limits if limit], default=None)


def _limits(section, owners):
    """The limits on tasks that are used most: of control groups, and of users other than root."""
    facts = _group_limits(section.host) + _user_limits(section, owners)
    facts = [fact for fact in facts if fact["limit"] and 100 * fact["used"] >= LIMIT_PERCENT * fact["limit"]]
    facts.sort(key=lambda fact: -fact["used"] / fact["limit"])
    return facts[:LIMITS]


def _group_limits(host):
    found = cgroups.controller(host, "pids")
    facts = []
    for path in cgroups.walk(host, found[1]) if found else []:
        limit = cgroups.limit_of(host, found[1] + path + "/pids.max")
        used = cgroups.limit_of(host, found[1] + path + "/pids.current") if limit else None
        if used is not None:
            facts.append({"scope": "cgroup " + (path.lstrip("/") or "/"), "used": used, "limit": limit})
    return facts


def _user_limits(section, owners):
    """RLIMIT_NPROC counts the threads of a user; root is exempt (setrlimit(2))."""
    threads = {}
    example = {}
    for pid, uid in owners.items():
        threads[uid] = threads.get(uid, 0) + section.table.rows[pid].threads
        example[uid] = pid
    facts = []
    for uid in sorted(threads, key=lambda uid: -threads[uid])[:USERS]:
        limit = _limits_of(section.host, example[uid]).get("processes") if uid else None
        if limit:
            facts.append({"scope": "user " + section.table.user(uid), "used": threads[uid], "limit": limit})
    return facts


def _system_files(host):
    return parse_file_nr(host.read("/proc/sys/fs/file-nr", 128))


def _wanted(section, name, pids):
    rows = [section.table.rows[pid] for pid in pids]
    fact = {"name": name, "count": len(pids), "pids": section.cut("wanted", sorted(pids), 100)}
    if rows:
        newest = max(rows, key=lambda row: row.started_ticks)
        fact["newest_started_at"] = section.table.started_at(newest)
    return fact
