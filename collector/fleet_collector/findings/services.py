"""Step 4: failed, restarting in a loop, wanted but not running."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

from fleet_collector.findings.finding import Finding, Severity, found
from fleet_collector.findings.past import facts, is_cut
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.words import ago, several, short
from fleet_collector.snapshot.services import Services, Unit

RUNNING = ("active", "reloading", "activating")
JOURNAL_PID = re.compile(r"^(\S+)\[\d+\]:")  # of what is dead: the same on no two hosts
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
# Without a main process that ended: ExecStartPre, or the ExecStart of one that forks.
NOT_STARTED = {
    "exit-code": "a command that should start it failed",
    "signal": "a command that should start it was killed",
}
# What systemd itself exits with before the program runs (systemd.exec(5), "Process Exit Codes").
BY_SYSTEMD = {
    200: "its working directory cannot be entered",
    203: "its program cannot be executed",
    216: "its group is not known",
    217: "its user is not known",
    226: "its mounts and namespaces cannot be set up",
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
            text = f"{bare(name)} is wanted and {_state(unit, subject.now)}"
            yield _finding(subject, unit, "wanted", text, "critical")


def learned_missing(subject: Subject) -> Iterator[Finding]:
    """A service that ran at every recent scan and does not now; of an enabled one the last scan is enough."""
    services = facts(subject.snapshot.services)
    always = subject.past.always("units")
    usual = always | _astray(subject)
    if not usual or services is None or services.units is None or is_cut(subject.snapshot.services, "units"):
        return
    units = {unit.name: unit for unit in services.units}
    wanted_names = {bare(name) for name in subject.expected.services}
    for name in sorted(usual):
        unit = units.get(name)
        if bare(name) in wanted_names or (unit and unit.active in (*RUNNING, "failed", "deactivating")):
            continue
        scans = len(subject.past.glimpses) if name in always else 1
        yield found(
            "services.learned_missing",
            "warning",
            bare(name),
            f"{bare(name)} ran at the last {'scan' if scans == 1 else f'{scans} scans'} and does not now"
            + (f"; it ended {ago(unit.since, subject.now)}" if unit and unit.since else ""),
            then=f"systemctl status {name} --no-pager -n 20",
            unit=name,
            since=unit.since if unit else None,
            scans=scans,
        )


def _astray(subject: Subject) -> set[str]:
    """Services that are enabled, ran at the scan before and since this boot, and were ended since.

    Once is enough for these: what is enabled is meant to run, and a program that ends by itself does so
    soon after its start.
    """
    previous = subject.past.previous
    ran = (previous.units if previous else None) or {}
    return {
        unit.name
        for unit in _units(subject)
        if unit.name in ran
        and unit.active == "inactive"
        and unit.enabled == "enabled"
        and unit.load == "loaded"
        and unit.type != "oneshot"
    }


def bare(name: str) -> str:
    """A unit's name as people say it: without ``.service``."""
    return short(name.removesuffix(".service"), 60)


def ending(unit: Unit) -> str:
    """How a unit ended, in words: its result, exit status or signal, and its last line."""
    if unit.result in ENDED_BY:
        how = ENDED_BY[unit.result]
    elif unit.exit_code in {"killed", "dumped"} and unit.exit_status is not None:
        how = f"killed by {_signal(unit.exit_status)}"
    elif unit.exit_status in BY_SYSTEMD:
        how = f"{BY_SYSTEMD[unit.exit_status]} (status {unit.exit_status})"
        if unit.command:
            how += f": {short(unit.command, 100)}"
    elif unit.exit_status:
        how = f"exit status {unit.exit_status}"
    elif unit.result not in (None, "success"):
        how = NOT_STARTED.get(unit.result, unit.result)
    else:
        how = "it does not stay up"
    last = _last_words(unit)
    return f"{how} ({last})" if last else how


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_words(unit: Unit) -> str:
    """The newest line that is the program's and not the service manager's."""
    lines = [line for line in unit.log or () if line.strip()]
    own = [line for line in lines if "systemd[" not in line and bare(unit.name) + ".service:" not in line]
    return short(JOURNAL_PID.sub(r"\1:", JOURNAL_HEAD.sub("", own[-1].strip())), 120) if own else ""


def _state(unit: Unit, now: float) -> str:
    if unit.load == "not-found":
        return "is not installed"
    if unit.load == "masked" or unit.enabled == "masked":
        return "is masked"
    ended = f", it ended {ago(unit.since, now)}" if unit.exit_code and unit.since else ""
    return f"is {unit.active}{ended}" + ("; it is not enabled at boot" if unit.enabled == "disabled" else "")


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
        load="masked" if unit.enabled == "masked" else unit.load,
        active=unit.active,
        sub=unit.sub,
        result=unit.result,
        exit_code=unit.exit_code,
        exit_status=unit.exit_status,
        restarts=unit.restarts,
        since=unit.since,
        main_pid=unit.main_pid,
        command=short(unit.command, 300) if unit.command else None,
        needs=unit.needs,
        log=unit.log,
        wanted=is_wanted or None,
    )


RULES = (failed, looping, wanted, learned_missing)
