"""A finding: one sentence about one thing on one host, with its evidence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct, field

Severity = Literal["ok", "warning", "critical", "unknown"]

# As exit codes rank them: what is broken comes before what could not be looked at.
ORDER: dict[str, int] = {"ok": 0, "unknown": 1, "warning": 2, "critical": 3}


class Finding(Struct, frozen=True, kw_only=True):
    """What one rule says of one thing: ``rule`` is ``<step>.<name>``, ``subject`` the culprit by name.

    ``evidence`` holds the numbers and names the rule used, JSON values only, units at the end of the keys.
    ``next`` is a command that only reads and that takes a person one step further.
    """

    rule: str
    step: str
    severity: Severity
    subject: str
    message: str
    evidence: dict[str, Any] = field(default_factory=dict)
    next: str | None = None


def found(
    rule: str, severity: Severity, subject: str, message: str, /, *, then: str | None = None, **evidence: Any
) -> Finding:
    """A finding of ``rule``; facts that were not measured (None) are left out of the evidence."""
    return Finding(
        rule=rule,
        step=rule.partition(".")[0],
        severity=severity,
        subject=subject,
        message=message,
        evidence={key: value for key, value in evidence.items() if value is not None},
        next=then,
    )


def worst(severities: Iterable[Severity]) -> Severity:
    """The severest of them: critical, warning, unknown, ok; ok of none."""
    return max(severities, key=ORDER.__getitem__, default="ok")


def level(value: float | None, warning: float, critical: float) -> Severity:
    """What a number that is bad when high means: ok below ``warning``, and where it is None."""
    if value is None or value < warning:
        return "ok"
    return "critical" if value >= critical else "warning"


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """The severest first; the order of the steps is kept within a severity."""
    return sorted(findings, key=lambda finding: -ORDER[finding.severity])
