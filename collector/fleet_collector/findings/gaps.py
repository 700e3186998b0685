"""What could not be looked at, one finding a step: "not measured" never reads as "fine".

A section that did not arrive, ran out of time or failed is ``unknown``; so is a single fact that did. What
the account may not read, and what the machine does not have (no swap, no pressure information, no systemd),
is told at ``ok``: it is how this host is, not a fault of it. Lists that were cut are not gaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleet_collector.findings.finding import Finding, Severity, found
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.words import listed
from fleet_collector.snapshot import STEPS, Section

FAILED = ("timeout", "error")
WORDS = {
    "denied": "this account may not read it",
    "absent": "this machine does not have it",
    "timeout": "no answer in time",
    "error": "the agent's check failed",
}


def not_measured(subject: Subject) -> Iterator[Finding]:
    """What each step could not find out, and why."""
    for step in STEPS:
        section: Section[object] | None = getattr(subject.snapshot, step)
        if section is None:
            yield _gap(step, "unknown", "the agent ended before it came to this step", {})
        elif section.data is None:
            yield _gap(step, _severity([section.status]), WORDS.get(section.status, section.status), {})
        elif section.notes:
            yield from _facts(step, section.notes)


def _facts(step: str, notes: dict[str, str]) -> Iterator[Finding]:
    missing = {fact: why for fact, why in notes.items() if why.startswith(tuple(WORDS))}
    if missing:
        severity = _severity(missing.values())
        told = {fact: why for fact, why in missing.items() if severity == "ok" or why.startswith(FAILED)}
        why = listed(f"{fact} ({reason.partition(':')[0]})" for fact, reason in told.items())
        yield _gap(step, severity, why, missing)


def _severity(reasons: Iterable[str]) -> Severity:
    reasons = list(reasons)
    if any(reason.startswith(FAILED) for reason in reasons):
        return "unknown"
    return "ok"


def _gap(step: str, severity: Severity, why: str, missing: dict[str, str]) -> Finding:
    return found(
        f"{step}.not_measured", severity, step, f"Not measured: {why}", reason=why, facts=missing or None
    )
