"""Step 6: which host:port this host can open."""

from __future__ import annotations

from collections.abc import Iterator

from fleet_collector.findings.finding import Finding, found
from fleet_collector.findings.past import facts
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.words import quoted
from fleet_collector.snapshot.reach import Probe
from fleet_collector.wording import duration

# What each class of failure means, after the errno that the kernel gave.
MEANING = {
    "refused": "refused: the host answers, nothing listens there or a firewall rejects",
    "filtered": "no answer within the limit: a filter drops it, or the host is off",
    "dns": "its name cannot be resolved",
    "local_ports_used_up": "this host has no local port left towards it",
    "denied": "this host's own firewall or security policy forbids it",
}
NAMES = {"dns": "unresolved", "local_ports_used_up": "local_ports"}


def probes(subject: Subject) -> Iterator[Finding]:
    """Targets that could not be opened, each with its class; silence over UDP is no failure."""
    reach = facts(subject.snapshot.reach)
    for probe in (reach.probes if reach else None) or ():
        if probe.result == "open":
            if probe.ms is not None and probe.ms >= subject.thresholds.reach_slow_ms:
                yield _finding(probe, "slow", f"took {duration(probe.ms / 1000)} to open: a packet was lost")
        elif probe.result != "open_or_filtered":
            yield _finding(probe, NAMES.get(probe.result, probe.result), _meaning(probe))


def not_tried(subject: Subject) -> Iterator[Finding]:
    """Wanted targets that the agent did not try."""
    reach = facts(subject.snapshot.reach)
    tried = {probe.target for probe in (reach.probes if reach else None) or ()}
    for target in subject.expected.reach:
        if target not in tried:
            yield found("reach.not_tried", "unknown", target, f"{target} was not tried", target=target)


def _meaning(probe: Probe) -> str:
    if probe.result != "unreachable":
        return f"cannot be opened: {MEANING.get(probe.result, probe.result)}"
    if probe.gateway_failed:
        return "cannot be reached: the next hop does not answer, it is off or on another network"
    if probe.errno == "ENETUNREACH":
        return "cannot be reached: this host has no route there"
    return "cannot be reached: a firewall rejects it, or a router knows no way"


def _finding(probe: Probe, name: str, text: str) -> Finding:
    return found(
        f"reach.{name}",
        "warning" if name == "slow" else "critical",
        probe.target,
        f"{probe.target} {text}",
        then=f"ip route get {quoted(probe.address)}"
        if probe.address
        else f"getent hosts {quoted(probe.host)}",
        target=probe.target,
        protocol=probe.protocol,
        host=probe.host,
        port=probe.port,
        address=probe.address,
        source=probe.source,
        result=probe.result,
        errno=probe.errno,
        ms=probe.ms,
        gateway_failed=probe.gateway_failed,
    )


RULES = (probes, not_tried)
