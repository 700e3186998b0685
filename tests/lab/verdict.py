"""What the diagnosis says of the lab's machines alone.

The tests share their kernel, its processors and its log with whatever else runs on the machine, not least the
other tests; the machine itself may be ill. So that neither hides nor fakes the truth, the first rank is taken
among the causes that are the lab's: what is told of the shared kernel without naming a process of the lab is
left out, and, on the machine the tests run on, so is what was there before the fault or names somebody else.
"""

from __future__ import annotations

from collections.abc import Sequence

from fleet_collector.causes.diagnosis import Cause, Judged
from fleet_collector.causes.why import why
from fleet_collector.findings.finding import Finding

from .machine import Machine

CLOCK_SECONDS = 1.5  # the kernel tells the time of its boot in whole seconds
# Told from counters of the whole kernel, which no namespace has of its own.
OF_THE_KERNEL = (
    "cpu.",
    "memory.",
    "identity.kernel_message",
    "disk.pressure",
    "disk.latency",
    "disk.swap",
    "disk.raid",
    "processes.open_files_system",
    "network.softnet",
    "connections.tcp_memory",
)


def ranked(judged: Sequence[Judged], machines: Sequence[Machine]) -> list[Cause]:
    """The causes behind what some machines answered that are the lab's own, the first one first."""
    return [
        cause
        for cause in why(judged).causes
        if not any(one.name in cause.hosts and _foreign(cause, one) for one in machines)
    ]


def first(judged: Judged, machine: Machine) -> Cause:
    """The first cause on one machine."""
    found = ranked([judged], [machine])
    assert found, f"no cause was found; findings: {[one.message for one in judged.findings]}"
    return found[0]


def _foreign(cause: Cause | Finding, machine: Machine) -> bool:
    named = cause.evidence.get("name") in machine.names
    if (cause.evidence.get("at") or machine.since) < machine.since - CLOCK_SECONDS:
        return True  # the kernel's log remembers what other tests did
    if machine.outer_pid is not None:
        return cause.rule.startswith(OF_THE_KERNEL) and not named
    somebody = cause.evidence.get("pid") is not None or cause.rule.startswith(OF_THE_KERNEL)
    return (cause.rule, cause.subject) in machine.known or (somebody and not named)


def alarms(judged: Judged, machine: Machine) -> list[str]:
    """What is told of a machine above ``ok`` that is the lab's own, in words."""
    return [
        f"{finding.rule}: {finding.message}"
        for finding in judged.findings
        if finding.severity != "ok" and not _foreign(finding, machine)
    ]
