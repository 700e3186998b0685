"""All rules over one host."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fleet_collector.findings import (
    ahead,
    connections,
    cpu,
    disk,
    identity,
    logs,
    memory,
    network,
    ports,
    processes,
    reach,
    services,
)
from fleet_collector.findings.finding import Finding, by_severity, found
from fleet_collector.findings.gaps import not_measured
from fleet_collector.findings.subject import Subject

Rule = Callable[[Subject], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    *identity.RULES,
    *cpu.RULES,
    *memory.RULES,
    *processes.RULES,
    *services.RULES,
    *network.RULES,
    *reach.RULES,
    *ports.RULES,
    *connections.RULES,
    *disk.RULES,
    *logs.RULES,
    *ahead.RULES,
    not_measured,
)


def judge(subject: Subject, rules: Iterable[Rule] = RULES) -> list[Finding]:
    """Every finding of one host, the severest first; a rule that fails becomes a finding itself."""
    return by_severity(finding for rule in rules for finding in _contained(rule, subject))


def _contained(rule: Rule, subject: Subject) -> list[Finding]:
    try:
        return list(rule(subject))
    except Exception as fault:  # the border: one rule's fault must not hide what the others found
        name = f"{rule.__module__.rpartition('.')[2]}.{rule.__name__}"
        return [
            found(
                name,
                "unknown",
                name,
                f"The rule {name} failed on this snapshot: {type(fault).__name__}",
                error=str(fault)[:300],
            )
        ]
