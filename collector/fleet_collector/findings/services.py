"""Step 4: failed, restarting in a loop, wanted but not running."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fleet_collector.findings.finding import Finding, Severity, found
from fleet_collector.findings.past import facts, is_cut
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.words import ago, several, short
from fleet_collector.snapshot.services import Services, Unit

RUNNING = ("active", "reloading", "activating")
JOURNAL_HEAD = re.compile(r"^\d{4}-\d\d-\d\dT\S+ \S+ ")  # of journalctl -o short-iso: time and host
ENDED_BY = {
    "oom-kill": "killed for lack of memory",
    "start-limit-hit": "restarted too often, given up",
    "timeout": "it took too long",
    "watchdog": "its watchdog ended it",
    "core-dump": "it crashed",
    "resources": "the system lacked what it needs",
    "protocol": "it did not report as it should",
}


def failed(subject: Subject) -> Iterator[Finding]:
    """A unit that failed, with how it ended and its last words."""
    for unit in _units(subject):
        if unit.active == "failed":
            since = f" {ago(unit.since, subject.now)}" if unit.since else ""
            yield _finding(subject, unit, "failed", f"{bare(unit.name)} failed{since}: {ending(unit)}")


def looping(subject: Subject) -> Iterator[Finding]:
    """A unit that comes up again and again; it may look active at any one moment."""
    limits = subject.thresholds
    previous = subject.past.previous
    for unit in _units(subject):
        restarts = unit.restarts or 0
        if unit.active == "failed" or restarts < limits.services_restarts:
            continue
        started = unit.started_at or unit.since
        young = started is not None and subject.now - started < limits.services_restart_minutes * 60
        before = (previous.units or {}).get(unit.name, 0) if previous else 0
        if (young or unit.sub == "auto-restart") and restarts - min(before, restarts) >= 1:
            text = f"{bare(unit.name)} restarts in a loop, {several(restarts, 'time')} so far: {ending(unit)}"
            yield _finding(subject, unit, "looping", text)


def wanted(subject: Subject) -> Iterator[Finding]:
    """A service the operator wants does not run; one that failed is told as such."""
    if not subject.expected.services:
        return
    services = facts(subject.snapshot.services)
    if services is None or services.units is None:
        for name in subject.expected.services:
            yield found(
                "services.wanted", "unknown", name, f"Whether {name} runs was not measured", name=name
            )
        return
    units = {bare(unit.name): unit for unit in services.units}
    for name in subject.expected.services:
        unit = units.get(bare(name))
        if unit is None:
            yield _not_there(name, services)
        elif unit.active not in (*RUNNING, "failed") and not _ended_well(unit):
            text = f"{bare(name)} is wanted and {_state(unit)}"
            yield _finding(subject, unit, "wanted", text, "critical")


def learned_missing(subject: Subject) -> Iterator[Finding]:
    """A service that ran at every recent scan and does not now."""
    services = facts(subject.snapshot.services)
    usual = subject.past.always("units")
    if not usual or services is None or services.units is None or is_cut(subject.snapshot.services, "units"):
        return
    units = {unit.name: unit for unit in services.units}
    wanted_names = {bare(name) for name in subject.expected.services}
    for name in sorted(usual):
        unit = units.get(name)
        if bare(name) in wanted_names or (unit and unit.active in (*RUNNING, "failed", "deactivating")):
            continue
        yield found(
            "services.learned_missing",
            "warning",
            bare(name),
            f"{bare(name)} ran at the last {several(len(subject.past.glimpses), 'scan')} and does not now",
            then=f"systemctl status {name} --no-pager -n 20",
            unit=name,
            since=unit.since if unit else None,
            scans=len(subject.past.glimpses),
        )


def bare(name: str) -> str:
    """A unit's name as people say it: without ``.service``."""
    return short(name.removesuffix(".service"), 60)


def ending(unit: Unit) -> str:
    """How a unit ended, in words: its result, exit status or signal, and its last line."""
    if unit.result in ENDED_BY:
        how = ENDED_BY[unit.result]
    elif unit.exit_code in {"killed", "dumped"} and unit.exit_status is not None:
        how = f"killed by signal {unit.exit_status}"
    elif unit.exit_status:
        how = f"exit status {unit.exit_status}"
    else:
        how = unit.result if unit.result not in (None, "success") else "it does not stay up"
    last = _last_words(unit)
    return f"{how} ({last})" if last else how


def _last_words(unit: Unit) -> str:
    """The newest line that is the program's and not the service manager's."""
    lines = [line for line in unit.log or () if line.strip()]
    own = [line for line in lines if "systemd[" not in line and bare(unit.name) + ".service:" not in line]
    return short(JOURNAL_HEAD.sub("", own[-1].strip()), 120) if own else ""


def _state(unit: Unit) -> str:
    if unit.load == "not-found":
        return "is not installed"
    if unit.load == "masked" or unit.enabled == "masked":
        return "is masked"
    return f"is {unit.active}" + (f", {unit.enabled}" if unit.enabled else "")


def _ended_well(unit: Unit) -> bool:
    return unit.type == "oneshot" and unit.result in (None, "success") and unit.load != "not-found"


def _not_there(name: str, services: Services) -> Finding:
    if services.manager is None:
        text = f"Whether {name} runs is not known: no service manager was found"
        return found("services.wanted", "unknown", name, text, name=name)
    return found(
        "services.wanted",
        "critical",
        bare(name),
        f"{bare(name)} is wanted and {services.manager} does not know it",
        then="systemctl list-unit-files --no-pager | head -100" if services.manager == "systemd" else None,
        unit=name,
    )


def _units(subject: Subject) -> list[Unit]:
    services = facts(subject.snapshot.services)
    return (services.units if services else None) or []


def _finding(subject: Subject, unit: Unit, kind: str, text: str, severity: Severity | None = None) -> Finding:
    is_wanted = bare(unit.name) in {bare(name) for name in subject.expected.services}
    return found(
        f"services.{kind}",
        severity or ("critical" if is_wanted else "warning"),
        bare(unit.name),
        text,
        then=f"systemctl status {unit.name} --no-pager -n 30",
        unit=unit.name,
        active=unit.active,
        sub=unit.sub,
        result=unit.result,
        exit_code=unit.exit_code,
        exit_status=unit.exit_status,
        restarts=unit.restarts,
        since=unit.since,
        main_pid=unit.main_pid,
        command=short(unit.command, 300) if unit.command else None,
        log=unit.log,
        wanted=is_wanted or None,
    )


RULES = (failed, looping, wanted, learned_missing)
