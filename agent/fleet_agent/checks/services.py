"""Step 4: the state of daemons, by systemd or whatever else starts them."""

import time

from fleet_agent.host import Absent, TooSlow
from fleet_agent.section import reason

RESERVE_SECONDS = 2.5  # of the section's time, kept for a last call to systemctl and the fall-back
RUNNING = 3  # rank of what is in no trouble
LOGS = 5  # units whose last lines are read
UNITS = 400
SPARE_SECONDS = 2.0  # of the section's time, kept when logs are read
NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._-+:")


def collect(section):
    """The Services fact; ``units`` holds failed, looping, stopped and wanted ones in full."""
    manager = service_manager(section.host)
    wanted = [name for name in section.request.get("services", []) if is_name(name)]
    if manager == "systemd" and section.host.live:
        data = by_systemd(section, wanted)
    elif manager == "systemd":
        section.note("units", "absent: only the running machine tells")
        data = _from_control_groups(section, _first_pids(section.table), wanted)
    else:
        data = _by_others(section, manager, wanted)
    data["manager"] = manager
    return {name: value for name, value in data.items() if value is not None}


def service_manager(host):
    """systemd, openrc, runit or sysv, by what is there; None in a bare container."""
    if host.exists("/run/systemd/system"):
        return "systemd"
    if host.exists("/run/openrc"):
        return "openrc"
    if _first_process(host) == "runit" or host.exists("/run/runit/runsvdir/current"):
        return "runit"
    return "sysv" if host.exists("/etc/init.d") else None


def _first_process(host):
    try:
        return host.read("/proc/1/comm").strip()
    except OSError:
        return ""


def is_name(name):
    """Whether a name is one of a service, and no path or option."""
    return bool(name) and not set(name) - NAME_CHARACTERS and name[0] not in ".-"


def _by_others(section, manager, wanted):
    if manager not in ("openrc", "runit") and not wanted:
        section.note("failed", "absent: no service manager tells")
        return {"units": []}
    from fleet_agent import initd  # compiled where it is needed: most hosts have systemd

    ask = {"openrc": initd.openrc, "runit": initd.runit}.get(manager, initd.sysv)
    units = ask(section.host, section.table, wanted, time.monotonic() + _seconds(section) - SPARE_SECONDS)
    units.sort(key=lambda unit: (unit["active"] == "active", unit["name"]))
    data = {
        "running": sum(unit["active"] == "active" for unit in units),
        "units": section.cut("units", units, UNITS),
    }
    if ask is initd.sysv:
        section.note("failed", "absent: no service manager tells")
    else:
        data["failed"] = sum(unit["active"] == "failed" for unit in units)
    return data


def by_systemd(section, wanted):
    """What systemd says, or the control groups where it says nothing in time."""
    from fleet_agent import systemd

    begun = time.monotonic()
    wanted = [name if "." in name else name + ".service" for name in wanted]
    first = _first_pids(section.table)
    state, units, blocks = {}, {}, []
    try:
        state = systemd.manager(section.host)
        units = systemd.listed(section.host, begun + _seconds(section) - RESERVE_SECONDS)
        recent = _recent(section.table, first, systemd) | _newer(units, first)
        names = wanted + systemd.questionable(section.host, units, recent)
        blocks = systemd.shown(section.host, names, begun + _seconds(section) - SPARE_SECONDS)
    except (Absent, TooSlow, OSError) as fault:
        section.note("units", reason(fault) + ": systemctl")
    if not units:
        section.notes.setdefault("units", "absent: systemctl lists no unit")
        return _from_control_groups(section, first, wanted)
    facts = _facts(section, systemd, first, units, blocks, wanted)
    _add_logs(section, systemd, facts, begun)
    return {
        "state": state.get("SystemState") or None,
        "jobs": _count(state, "NJobs"),
        "failed": sum(map(systemd.is_failed, units.values())),
        "running": sum(_runs(block) for block in units.values()),
        "units": section.cut("units", facts, UNITS),
    }


def _first_pids(table):
    """{unit: its oldest process}, by control groups."""
    first = {}
    for pid, row in sorted(table.rows.items(), key=lambda item: item[1].started_ticks):
        if not row.kernel and row.state != "Z":
            unit = table.unit(pid)
            if unit and unit.endswith(".service"):
                first.setdefault(unit, pid)
    return first


def _recent(table, first, systemd):
    """The units whose oldest process is young, as that of a unit that is restarted again and again."""
    since = time.time() - systemd.RECENT_SECONDS
    return {unit for unit, pid in first.items() if (table.started_at(table.rows[pid]) or 0) > since}


def _newer(units, first):
    """The units that run and had no process when the table was read: they have started since."""
    return {name for name, block in units.items() if _runs(block) and name not in first}


def _runs(block):
    return block["SubState"] == "running" and block["Id"].endswith(".service")


def _facts(section, systemd, first, units, blocks, wanted):
    """Unit facts, the troubled first; a wanted alias, such as mysql for mariadb, has an entry of its own."""
    booted_at = systemd.booted_at()
    rows = []
    shown = {block["Id"]: block for block in blocks}
    for block in dict(units, **shown).values():
        name = block["Id"]
        asked = [alias for alias in wanted if alias == name or alias in block.get("Names", "").split()]
        rank = _rank(systemd, block)
        if name in shown and (rank < RUNNING or asked):
            fact = systemd.full(block, booted_at)
            rows.append((rank, fact))
            rows += [(rank, dict(fact, name=alias)) for alias in asked if alias != name]
        elif rank == 0 or _runs(block):
            rows.append((rank, _short(section.table, first, systemd.short(block, booted_at))))
    rows.sort(key=lambda row: (row[0], row[1]["name"]))
    return [fact for _, fact in rows]


def _short(table, first, fact):
    """One that simply runs, with its oldest process for the main one where systemd was not asked."""
    pid = first.get(fact["name"])
    if pid is not None and "main_pid" not in fact:
        fact.update(main_pid=pid, started_at=table.started_at(table.rows[pid]))
    return fact


def _rank(systemd, block):
    for rank, tells in enumerate((systemd.is_failed, systemd.is_looping, systemd.is_strayed)):
        if tells(block):
            return rank
    return RUNNING


def _add_logs(section, systemd, facts, begun):
    """The last lines of the first few that failed or loop, while there is time."""
    over = begun + _seconds(section) - SPARE_SECONDS
    troubled = [
        fact
        for fact in facts
        if fact["active"] == "failed" or fact.get("restarts") or fact.get("sub") == "auto-restart"
    ]
    for fact in troubled[:LOGS]:
        if time.monotonic() > over:
            section.note("log", "cut: no time left")
            return
        lines = section.fact("log", systemd.last_lines, section.host, fact["name"])
        if lines:
            fact["log"] = lines


def _from_control_groups(section, first, wanted):
    """What runs, by the control groups of processes: no word on what does not."""
    units = [{"name": unit, "active": "active", "main_pid": pid} for unit, pid in sorted(first.items())]
    units += [{"name": name, "active": "unknown"} for name in wanted if name not in first]
    return {"running": len(first), "units": section.cut("units", units, UNITS)}


def _seconds(section):
    return section.request.get("section_seconds", 5.0)


def _count(state, name):
    return int(state[name]) if state.get(name, "").isdigit() else None
