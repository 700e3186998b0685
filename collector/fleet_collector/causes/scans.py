"""Hosts that could not be scanned: the stage, the likely reason, the neighbours, and what was last known."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from fleet_collector.causes.diagnosis import Judged
from fleet_collector.findings.finding import ORDER, Finding, found
from fleet_collector.wording import moment

LIKELY = {
    "dns": "its name is wrong or gone from DNS, or the resolver of this machine is dead",
    "refused": "the host is up, but its sshd is not, or listens on another port",
    "timeout": "the host is off or overloaded, or a filter drops the packets",
    "unreachable": "there is no way to it: its network or a router is down, or the host is off",
    "host_key": "the machine was installed anew or replaced, or somebody stands between",
    "auth": "the key or the account is not known there",
    "no_python": "there is no Python 3.6 or newer",
    "protocol": "what answers there is not a healthy sshd, or it was overloaded",
    "agent": "the account's shell, a limit, or a forced command is in the way",
    "too_large": "the answer is larger than a sound host gives",
    "cancelled": "the scan was interrupted",
}
STUCK_LATE = ("login", "run", "session", "agent")


def failed_scan(judged: Judged, neighbours: Sequence[Judged]) -> Finding | None:
    """One finding for a scan that failed; ``neighbours`` are all hosts in question."""
    failure = judged.failure
    if failure is None:
        return None
    likely = LIKELY.get(failure.kind, "the reason is not known")
    if failure.kind == "timeout" and failure.stage in STUCK_LATE:
        likely = "the host answers but is too slow: overload, a hung disk, or reverse DNS"
    around = _around(judged, neighbours)
    last = _last_good(judged)
    words = failure.message.rstrip(".")
    return found(
        f"scan.{failure.kind}",
        "unknown",
        judged.host,
        "; ".join(
            part
            for part in (f"Not scanned: {words} ({failure.stage}); likely {likely}", around, last)
            if part
        ),
        then=failure.hint or f"ssh -v {judged.host} true",
        kind=failure.kind,
        stage=failure.stage,
        reason=failure.message,
        likely=likely,
        neighbours=around or None,
        last_good_at=judged.last_good.taken_at if judged.last_good else None,
        last_findings=[finding.message for finding in _worst(judged)] or None,
    )


def _last_good(judged: Judged) -> str:
    last = judged.last_good
    if last is None:
        return ""
    worst = _worst(judged)
    state = f"then: {worst[0].message}" if worst else "all was fine then"
    return f"last seen {moment(last.taken_at)}, {state}"


def _worst(judged: Judged) -> list[Finding]:
    findings = judged.last_good.findings if judged.last_good else ()
    bad = [finding for finding in findings if finding.severity in {"warning", "critical"}]
    return sorted(bad, key=lambda finding: -ORDER[finding.severity])[:3]


def _around(judged: Judged, neighbours: Iterable[Judged]) -> str:
    """What the other hosts of the same /24 (or /64) did."""
    subnet = subnet_of(judged)
    if subnet is None:
        return ""
    others = [one for one in neighbours if one is not judged and subnet_of(one) == subnet]
    if not others:
        return ""
    answering = sum(one.failure is None for one in others)
    if len(others) == 1:
        return f"the other host in {subnet} {'answers' if answering else 'could not be scanned either'}"
    if not answering:
        return f"none of the other {len(others)} hosts in {subnet} could be scanned either"
    return (
        f"{answering} of the other {len(others)} hosts in {subnet} {'answer' if answering > 1 else 'answers'}"
    )


def subnet_of(judged: Judged) -> str | None:
    """The network around a host's address, as far as that is known."""
    try:
        address = ipaddress.ip_address(judged.address or judged.host)
    except ValueError:
        return None
    return str(ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 64}", strict=False))
