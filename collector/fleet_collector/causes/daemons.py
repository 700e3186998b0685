"""Chains on one host around services: killed, crowded out of their port, dead with what they served."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fleet_collector.causes.case import Case, Link, Symptom, every, shared, words_of
from fleet_collector.findings.finding import found
from fleet_collector.findings.past import facts
from fleet_collector.findings.ports import holder_of, listener_evidence
from fleet_collector.findings.services import bare
from fleet_collector.snapshot.ports import Listener
from fleet_collector.snapshot.services import Unit

DOWN = ("services.failed", "services.looping", "services.wanted", "services.learned_missing")
GONE = ("processes.wanted", "processes.learned_missing")
PORTS = ("ports.wanted", "ports.learned_missing")
TAKEN = re.compile(
    r"(address|port|connection)( \d+)?( is| was)?( already)? (in use|allocated)|EADDRINUSE", re.IGNORECASE
)
PORT = re.compile(r"(?:[:\s=]|-p)(\d{1,5})\b")
TOO_MANY_FILES = re.compile(r"too many open files|EMFILE|ENFILE", re.IGNORECASE)
CLOCK_KEEPERS = ("chrony", "chronyd", "ntp", "ntpd", "ntpsec", "openntpd", "systemd-timesyncd", "ptp4l")
KILL_SECONDS = 120.0
RECOVERY_SECONDS = 600.0  # restarts with growing pauses are over by then
CLOCK_SECONDS = 5.0  # the kernel's log and systemd tell time each in their own way


def out_of_memory(case: Case) -> Iterator[Link]:
    """The kernel killed the service's process: same unit, same pid, same name, or a kill at that moment."""
    for kill in case.of("memory.oom"):
        pids = set(kill.get("pids") or ())
        for unit in case.of(*DOWN):
            if unit.get("main_pid") in pids or _same_unit(kill, unit) or _killed_then(kill, unit):
                yield Link(kill, unit)
        yield from (
            Link(kill, process) for process in case.of(*GONE) if process.get("name") == kill.get("name")
        )


def _same_unit(kill: Symptom, unit: Symptom) -> bool:
    """Killed in this unit, and not so long before it went down that it had recovered meanwhile."""
    if kill.get("unit") is None or bare(str(kill.get("unit"))) != bare(str(unit.get("unit"))):
        return False
    if unit.get("active") == "inactive" and unit.get("result") == "success":
        return False  # it ended well
    at, since = kill.get("at"), unit.get("since")
    return at is None or since is None or -CLOCK_SECONDS <= since - at <= RECOVERY_SECONDS


def _killed_then(kill: Symptom, unit: Symptom) -> bool:
    at, since = kill.get("at"), unit.get("since")
    violent = unit.get("result") == "oom-kill" or (
        unit.get("exit_code") == "killed" and unit.get("exit_status") == 9
    )
    return violent and at is not None and since is not None and -CLOCK_SECONDS <= since - at <= KILL_SECONDS


def crowded_out(case: Case) -> Iterator[Link]:
    """A unit could not have its address because somebody else holds it."""
    for unit in case.of(*DOWN):
        if not TAKEN.search(words_of(unit)):
            continue
        ports = {int(number) for number in PORT.findall(words_of(unit))}
        ports |= {int(number) for number in PORT.findall(str(unit.get("command") or ""))}
        known = [
            symptom
            for symptom in case.of("ports.owner", "ports.owner_changed")
            if symptom.get("port") in ports or symptom.get("owner") == bare(str(unit.get("unit")))
        ]
        yield from every(known or _takers(case, unit, ports), [unit])
    for holder in case.of("ports.owner", "ports.owner_changed"):
        yield from (
            Link(holder, unit)
            for unit in case.of(*DOWN)
            if bare(str(unit.get("unit"))) == holder.get("owner")
            and not TAKEN.search(words_of(unit))
            and not unit.get("log")
        )


def _takers(case: Case, unit: Symptom, ports: set[int]) -> list[Symptom]:
    """Who holds the ports that a unit names in its last words or on its command line."""
    listening = facts(case.judged.snapshot.ports) if case.judged.snapshot else None
    holders: dict[int, Listener] = {}
    for listener in (listening.listeners if listening else None) or ():
        if listener.port in ports and bare(listener.unit or "") != bare(str(unit.get("unit"))):
            holders.setdefault(listener.port, listener)
    return [
        Symptom(
            case.host,
            found(
                "ports.taken",
                unit.finding.severity,
                f"{one.protocol[:3]}/{one.port}",
                f"{one.protocol[:3]}/{one.port} is held by {holder_of(one)},"
                f" so {unit.finding.subject} cannot have it",
                then=f"ss -Hlntup 'sport = :{one.port}'",
                owner=unit.finding.subject,
                **listener_evidence(one),
            ),
        )
        for one in holders.values()
    ]


def with_it_gone(case: Case) -> Iterator[Link]:
    """A unit that is down takes its process and its ports with it; so does a process that has died."""
    units, processes, ports = case.of(*DOWN), case.of(*GONE), case.of(*PORTS)
    for unit in units:
        name = bare(str(unit.get("unit") or unit.finding.subject))
        yield from (Link(unit, process) for process in processes if process.get("name") == name)
        yield from (Link(unit, port) for port in ports if name in (port.get("owner"), _unit_of(port)))
    for process in processes:
        name = str(process.get("name"))
        yield from (Link(process, port) for port in ports if name in (port.get("owner"), _unit_of(port)))
    crowded = {bare(str(unit.get("unit"))) for unit in units if TAKEN.search(words_of(unit))}
    for holder in case.of("ports.owner"):
        for process in processes:
            if process.get("name") == holder.get("owner") and process.get("name") not in crowded:
                yield Link(process, holder)


def _unit_of(port: Symptom) -> str | None:
    return bare(str(port.get("unit"))) if port.get("unit") else None


def dependency(case: Case) -> Iterator[Link]:
    """A unit that could not start because another one failed: it needs that one, or says so itself."""
    for unit in case.of(*DOWN):
        last = words_of(unit) if "Dependency failed" in words_of(unit) else ""
        for other in case.of("services.failed"):
            name = str(other.get("unit"))
            if other is not unit and (name in (unit.get("needs") or ()) or name in last):
                yield Link(other, unit)


def deaf(case: Case) -> Iterator[Link]:
    """A unit or process runs, but nobody listens on its port any more."""
    snapshot = case.judged.snapshot
    services = facts(snapshot.services) if snapshot else None
    active = {bare(unit.name): unit for unit in (services.units if services else None) or () if _runs(unit)}
    down = {bare(str(unit.get("unit"))) for unit in case.of(*DOWN)}
    processes = facts(snapshot.processes) if snapshot else None
    running = {group.name for group in (processes.groups if processes else None) or ()}
    for port in case.of(*PORTS):
        unit = active.get(_unit_of(port) or str(port.get("owner")))
        name = bare(unit.name) if unit else str(port.get("owner"))
        if name in down or (unit is None and name not in running):
            continue
        yield Link(_deaf(case, port, name, unit), port)


def _runs(unit: Unit) -> bool:
    return unit.active == "active" and unit.sub in (None, "running")


def _deaf(case: Case, port: Symptom, name: str, unit: Unit | None) -> Symptom:
    return Symptom(
        case.host,
        found(
            "services.deaf",
            port.finding.severity,
            name,
            f"{name} is {'active' if unit else 'running'}, but does not listen on {port.finding.subject}",
            then=f"systemctl status {unit.name} --no-pager -n 30"
            if unit
            else f"ps -C {name[:15]} -o pid,etime,args",
            unit=unit.name if unit else None,
            name=name,
            pid=unit.main_pid if unit else None,
            port=port.get("port"),
            started_at=unit.started_at if unit else None,
        ),
    )


def rebooted(case: Case) -> Iterator[Link]:
    """What used to run and has not come back since the reboot."""
    missing = case.of("services.learned_missing", "processes.learned_missing", "ports.learned_missing")
    yield from every(case.of("identity.rebooted"), missing)


def no_descriptors(case: Case) -> Iterator[Link]:
    """A service that ended with "too many open files" or without inotify, and who has all there is."""
    for unit in case.of(*DOWN):
        if TOO_MANY_FILES.search(words_of(unit)):
            yield from every(case.of("processes.open_files_system"), [unit])
            yield from shared(case.of("processes.open_files"), [unit], "unit")
        if "inotify" in words_of(unit):
            yield from every(case.of("processes.inotify"), [unit])


def clockless(case: Case) -> Iterator[Link]:
    """What keeps the clock is down, so that it is not kept any more, and goes wrong."""
    adrift = case.of("identity.unsynchronised")
    keepers = [unit for unit in case.of(*DOWN) if bare(str(unit.get("unit"))) in CLOCK_KEEPERS]
    yield from every(keepers, adrift)
    yield from every(adrift or keepers, case.of("identity.clock"))


LINKS = (
    out_of_memory,
    crowded_out,
    with_it_gone,
    dependency,
    deaf,
    rebooted,
    no_descriptors,
    clockless,
)
