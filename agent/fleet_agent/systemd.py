"""systemd's units, from what systemctl(1) and journalctl(1) print."""

import time

from fleet_agent.redact import redact_text

PROPERTIES = (
    "Id,Names,LoadState,ActiveState,SubState,UnitFileState,Type,Result,ExecMainCode,ExecMainStatus,NRestarts,Restart,"
    "MainPID,StateChangeTimestampMonotonic,InactiveEnterTimestampMonotonic,ActiveEnterTimestampMonotonic,"
    "ExecMainStartTimestampMonotonic,MemoryCurrent,TasksCurrent,NeedDaemonReload,TriggeredBy,"
    "ExecStart,Requires,Requisite,BindsTo"
)
LIST = ["systemctl", "list-units", "--all", "--plain", "--full", "--no-legend", "--no-pager"]
SHOW = ["systemctl", "show", "--no-pager", "-p", PROPERTIES, "--"]
MANAGER = ["systemctl", "show", "--no-pager", "-p", "SystemState,NJobs"]
WANTS = "/etc/systemd/system"
SHOWN = (
    100  # a unit shown costs a millisecond of systemctl and as much of systemd, a unit listed next to nothing
)
RECENT_SECONDS = 1800  # a unit that loops has started within this time
BULLETS = ("\u25cf", "\u25cb", "\u00d7", "\u21bb", "*", "x")  # before version 246, in spite of --plain
FIRST_SECONDS = 2.0  # systemctl waits for D-Bus, which may hang
LOG_SECONDS = 1.0
LOG_LINES = 10
LOG_WIDTH = 500
COMMAND_WIDTH = 400
NEEDED = 30  # units that one unit cannot do without
CODES = {"1": "exited", "2": "killed", "3": "dumped"}  # CLD_* of <signal.h>
UNSET = (2**64 - 1, 2**32 - 1)
STRAYED = ("activating", "deactivating", "reloading")


def manager(host):
    """{"SystemState", "NJobs"} as far as this systemd knows them; raises Absent, TooSlow."""
    _, text = host.run(MANAGER, FIRST_SECONDS)
    return (parse_show(text) or [{}])[0]


def listed(host, until):
    """{unit: its states} of all units in memory; raises Absent, TooSlow."""
    _, text = host.run(LIST, max(0.1, until - time.monotonic()))
    return parse_list(text)


def shown(host, names, until):
    """All PROPERTIES of some units, a dict each; raises Absent, TooSlow."""
    if not names:
        return []
    _, text = host.run(SHOW + names[:SHOWN], max(0.1, until - time.monotonic()))
    return [block for block in parse_show(text) if block.get("Id")]


def parse_list(text):
    """{unit: {"Id", "LoadState", "ActiveState", "SubState"}} of ``systemctl list-units``."""
    units = {}
    for line in text.split("\n"):
        words = line.split(None, 5)
        if words and words[0] in BULLETS:
            words.pop(0)
        if len(words) > 3:
            name, load, active, sub = words[:4]
            units[name] = {"Id": name, "LoadState": load, "ActiveState": active, "SubState": sub}
    return units


def questionable(host, units, recent):
    """Which units to ask about more: in trouble, started lately, enabled but at rest."""
    wants = enabled(host)
    ranked = []
    for name, block in units.items():
        is_service = name.endswith(".service")
        if is_failed(block):
            ranked.append((0, name))
        elif is_service and block["ActiveState"] in STRAYED:
            ranked.append((1, name))
        elif is_service and block["SubState"] == "running" and name in recent:
            ranked.append((2, name))
        elif block["ActiveState"] == "inactive" and block["LoadState"] == "loaded" and name in wants:
            ranked.append((3, name))
    return [name for _, name in sorted(ranked)]


def enabled(host):
    """The services that some target wants, by the links that ``systemctl enable`` makes."""
    names = set()
    try:
        for directory in host.list(WANTS):
            if directory.endswith((".wants", ".requires")):
                names.update(name for name in host.list(WANTS + "/" + directory) if name.endswith(".service"))
    except OSError:
        pass  # fewer are asked about
    return names


def parse_show(text):
    """A list of {property: value} of ``systemctl show``; an empty line ends a unit."""
    blocks = []
    for part in text.split("\n\n"):
        pairs = [line.partition("=") for line in part.split("\n")]
        block = {name: value for name, found, value in pairs if found}
        if block:
            blocks.append(block)
    return blocks


def is_failed(block):
    """Whether systemd itself calls it failed."""
    return block.get("ActiveState") == "failed"


def is_looping(block):
    """Whether it is being restarted: now, or several times since it was last started by hand."""
    return block.get("SubState") == "auto-restart" or (_number(block, "NRestarts") or 0) > 0


def is_strayed(block):
    """Whether it is between states, or ran since boot, is enabled, and runs no longer.

    A oneshot that ended, and a service that a socket, path or timer starts, are at rest and not astray.
    """
    if block.get("ActiveState") in STRAYED:
        return True
    return (
        block.get("ActiveState") == "inactive"
        and block.get("UnitFileState") == "enabled"
        and block.get("Type") not in ("oneshot", "idle")
        and not block.get("TriggeredBy")
        and bool(_number(block, "ExecMainStartTimestampMonotonic"))
    )


def short(block, booted_at):
    """The Unit fact of one that simply runs."""
    return _fact(
        name=block["Id"],
        active=block.get("ActiveState") or "unknown",
        sub=block.get("SubState"),
        main_pid=_number(block, "MainPID") or None,
        started_at=_moment(block, "ExecMainStartTimestampMonotonic", booted_at),
        memory_bytes=_number(block, "MemoryCurrent"),
    )


def full(block, booted_at):
    """The Unit fact with all that systemd says."""
    fact = short(block, booted_at)
    since = _moment(block, "StateChangeTimestampMonotonic", booted_at)
    if since is None:  # before version 228
        names = ("InactiveEnterTimestampMonotonic", "ActiveEnterTimestampMonotonic")
        since = max([_moment(block, name, booted_at) or 0 for name in names]) or None
    code = CODES.get(block.get("ExecMainCode"))
    fact.update(
        _fact(
            load=block.get("LoadState"),
            enabled=block.get("UnitFileState"),
            type=block.get("Type"),
            result=block.get("Result"),
            exit_code=code,
            exit_status=_number(block, "ExecMainStatus") if code else None,
            restarts=_number(block, "NRestarts"),
            restart_policy=block.get("Restart"),
            since=since,
            tasks=_number(block, "TasksCurrent"),
            needs_reload={"yes": True, "no": False}.get(block.get("NeedDaemonReload")),
            command=redact_text(parse_command(block.get("ExecStart", "")), COMMAND_WIDTH),
            needs=_needs(block),
        )
    )
    return fact


def _needs(block):
    """The units without which it does not start, slices and targets left out; None if there are none."""
    names = " ".join(block.get(name, "") for name in ("Requires", "Requisite", "BindsTo")).split()
    return [name for name in names if not name.endswith((".slice", ".target"))][:NEEDED] or None


def parse_command(text):
    """The command line of ``{ path=/bin/x ; argv[]=/bin/x --port 80 ; ignore_errors=no ; ... }``."""
    return text.partition("argv[]=")[2].partition(" ; ignore_errors=")[0]


def booted_at():
    """When CLOCK_MONOTONIC was zero, seconds since the epoch; *TimestampMonotonic count from there."""
    return time.time() - time.monotonic()


def last_lines(host, unit):
    """The last lines of a unit's journal, without secrets; none where they may not be read."""
    command = ["journalctl", "--no-pager", "-q", "-o", "short-iso", "-n", str(LOG_LINES), "-u", unit]
    _, text = host.run(command, LOG_SECONDS)
    return [redact_text(line, LOG_WIDTH) for line in text.split("\n") if line and not line.startswith("-- ")]


def _fact(**facts):
    return {name: value for name, value in facts.items() if value not in (None, "")}


def _number(block, name):
    """A number, or None for "[not set]", the largest of its type, and what is no number."""
    value = block.get(name, "")
    return int(value) if value.isdigit() and int(value) not in UNSET else None


def _moment(block, name, booted_at):
    microseconds = _number(block, name)
    return round(booted_at + microseconds / 1e6, 2) if microseconds else None
