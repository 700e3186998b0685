"""Step 4: the state of daemons, by systemd or whatever else starts them."""

import time

from fleet_agent.host import Absent, TooSlow
from fleet_agent.section import reason

RESERVE_SECONDS = 2.5  # of the section's time, kept for a last call to systemctl and the fall-back
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
        data = _from_control_groups(section, wanted)
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
    host = section.host
    wanted = [name if "." in name else name + ".service" for name in wanted]
    state, blocks, why = _ask_systemd(systemd, host, wanted, begun + _seconds(section) - RESERVE_SECONDS)
    if not blocks:
        section.note("units", why + ": units that have processes, from their control groups")
        return _from_control_groups(section, wanted)
    failed = _count(state, "NFailedUnits")
    facts = _facts(systemd, blocks, wanted)
    _add_logs(section, systemd, facts, begun)
    return {
        "state": state.get("SystemState") or None,
        "jobs": _count(state, "NJobs"),
        "failed": sum(map(systemd.is_failed, blocks)) if failed is None else failed,
        "running": sum(block.get("SubState") == "running" for block in blocks),
        "units": section.cut("units", facts, UNITS),
    }


def _ask_systemd(systemd, host, wanted, until):
    """The manager's and the units' properties, and why there are none."""
    try:
        state = systemd.manager(host)
        if not state:
            return {}, [], "absent: systemctl has no connection to systemd"
        failed = _count(state, "NFailedUnits")
        blocks = systemd.units(
            host, wanted, lambda blocks: failed != sum(map(systemd.is_failed, blocks)), until
        )
        return state, blocks, "absent: systemctl lists no unit"
    except (Absent, TooSlow, OSError) as fault:
        return {}, [], reason(fault)


def _facts(systemd, blocks, wanted):
    """Unit facts, the troubled first; a wanted alias, such as mysql for mariadb, has an entry of its own."""
    booted_at = systemd.booted_at()
    facts = []
    for block in blocks:
        asked = [name for name in wanted if name == block["Id"] or name in block.get("Names", "").split()]
        rank = _rank(systemd, block)
        if rank < 3 or asked:
            fact = systemd.full(block, booted_at)
            facts.append((rank, fact))
            facts += [(rank, dict(fact, name=name)) for name in asked if name != block["Id"]]
        elif block.get("SubState") == "running":
            facts.append((rank, systemd.short(block, booted_at)))
    facts.sort(key=lambda row: (row[0], row[1]["name"]))
    return [fact for _, fact in facts]


def _rank(systemd, block):
    for rank, tells in enumerate((systemd.is_failed, systemd.is_looping, systemd.is_strayed)):
        if tells(block):
            return rank
    return 3


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


def _from_control_groups(section, wanted):
    """What runs, by the control groups of processes: no word on what does not."""
    table = section.table
    first = {}
    for pid, row in sorted(table.rows.items()):
        if not row.kernel and row.state != "Z":
            unit = table.unit(pid)
            if unit and unit.endswith(".service"):
                first.setdefault(unit, pid)
    units = [{"name": unit, "active": "active", "main_pid": pid} for unit, pid in sorted(first.items())]
    units += [{"name": name, "active": "unknown"} for name in wanted if name not in first]
    return {"running": len(first), "units": section.cut("units", units, UNITS)}


def _seconds(section):
    return section.request.get("section_seconds", 5.0)


def _count(state, name):
    return int(state[name]) if state.get(name, "").isdigit() else None
