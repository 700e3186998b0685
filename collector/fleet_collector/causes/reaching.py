"""A probe that fails, seen from both ends: the target's own listeners, and who else reaches it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from fleet_collector.causes.case import Case, Link, Symptom
from fleet_collector.causes.daemons import DOWN, GONE
from fleet_collector.causes.fleet import Fleet, listeners_of, troubles_of
from fleet_collector.findings.finding import found
from fleet_collector.findings.past import facts
from fleet_collector.findings.ports import holder_of, is_loopback
from fleet_collector.findings.services import bare
from fleet_collector.findings.words import filters, listed
from fleet_collector.folding import fold
from fleet_collector.snapshot.ports import Listener

# Results that may have their reason on the target or on the way; the others are the prober's own.
FAR = ("reach.refused", "reach.filtered", "reach.unreachable", "reach.slow")
ANY = ("0.0.0.0", "::", "*", "")  # noqa: S104 - what a listener on all addresses is called
DEAD = ("timeout", "unreachable")
# A process that hangs keeps its listener: the kernel takes connections or drops them, it refuses none.
HANGING = ("ports.backlog", "processes.stopped", "processes.blocked", "connections.undrained")


@dataclass
class Target:
    """One host:port that is probed: who failed, who got through."""

    protocol: str
    port: int
    host: str | None  # one of ours
    name: str  # as people write it
    failed: list[Symptom] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)


def verdicts(fleet: Fleet) -> Iterator[Link]:
    """For each target that some host cannot open, the one reason that both ends agree on."""
    for target in _targets(fleet).values():
        if target.failed:
            yield from _verdict(fleet, target)


def _targets(fleet: Fleet) -> dict[tuple[str, str, int], Target]:
    targets: dict[tuple[str, str, int], Target] = {}
    failing: dict[str, dict[str, Symptom]] = {
        host: {str(symptom.get("target")): symptom for symptom in case.of(*FAR)}
        for host, case in fleet.cases.items()
    }
    for host, case in fleet.cases.items():
        reach = facts(case.judged.snapshot.reach) if case.judged.snapshot else None
        for probe in (reach.probes if reach else None) or ():
            ours = fleet.host_of(probe.address, probe.host, host)
            key = (probe.protocol, ours or probe.address or probe.host, probe.port)
            target = targets.setdefault(
                key, Target(probe.protocol, probe.port, ours, f"{probe.host}:{probe.port}")
            )
            symptom = failing[host].get(probe.target)
            if symptom is not None:
                target.failed.append(symptom)
            elif probe.result == "open":
                target.reached.add(host)
    return targets


def _verdict(fleet: Fleet, target: Target) -> Iterator[Link]:
    case = fleet.cases.get(target.host or "")
    if case is None:
        yield from _unknown_target(target)
    elif case.judged.snapshot is None:
        yield from _silent_target(case, target)
    else:
        listeners = listeners_of(case, target.protocol, target.port)
        troubles = troubles_of(case, target.protocol, target.port)
        if troubles:
            yield from _troubled(case, target, troubles, listeners or [])
        elif listeners is not None and not target.reached:
            yield from _listening(case, target, listeners)
        else:
            yield from _between(target)


def _troubled(
    case: Case, target: Target, troubles: list[Symptom], listeners: list[Listener]
) -> Iterator[Link]:
    """The target's own trouble, but for those whom a process that only hangs cannot have refused."""
    hangs = bool(listeners) and all(trouble.rule in HANGING for trouble in troubles)
    rejected = [failure for failure in target.failed if hangs and failure.rule == "reach.refused"]
    for failure in target.failed:
        if failure not in rejected:
            yield from (Link(trouble, failure) for trouble in troubles)
    if rejected:
        failing = fold(sorted({failure.host for failure in rejected}))
        who = f"{holder_of(listeners[0])} on {case.host} listens on {target.protocol}/{target.port}"
        text = f"{who} and {failing} is refused: a firewall rejects"
        yield from (Link(_filter(target, failure, text), failure) for failure in rejected)


def _filter(target: Target, failure: Symptom, text: str) -> Symptom:
    """A filter between one host that fails and the target, told at the host that fails."""
    return Symptom(
        failure.host,
        found(
            "reach.filter_between",
            "critical",
            target.name,
            text,
            then=f"{failure.finding.next}; {filters(target.port)}",
            failing=sorted({one.host for one in target.failed}),
            reached_by=sorted(target.reached),
            port=target.port,
            result=failure.get("result"),
        ),
    )


def _listening(case: Case, target: Target, listeners: list[Listener]) -> Iterator[Link]:
    """Nobody got through: what the target's own sockets say."""
    place = f"{target.protocol}/{target.port}"
    tried = {str(failure.get("address")) for failure in target.failed}
    if not listeners:
        yield from _nobody(case, target, place)
    elif all(is_loopback(listener.address) for listener in listeners):
        who, address = holder_of(listeners[0]), listeners[0].address
        text = f"{who} on {case.host} listens on {address} only, port {target.port}"
        yield from _caused(case.host, target, "ports.loopback_only", place, text, listeners[0])
    elif not any(listener.address in ANY or listener.address in tried for listener in listeners):
        addresses = listed(listener.address for listener in listeners)
        text = (
            f"{holder_of(listeners[0])} on {case.host} listens on {addresses} only, asked is {listed(tried)}"
        )
        yield from _caused(case.host, target, "ports.other_address", place, text, listeners[0])
    elif all(failure.rule == "reach.slow" for failure in target.failed):
        return
    else:
        who = holder_of(listeners[0])
        text = (
            f"{who} on {case.host} listens on {place}, and nobody gets through: "
            f"a filter on {case.host} or before it"
        )
        yield from _caused(case.host, target, "reach.filter_at_target", place, text, listeners[0])


def _nobody(case: Case, target: Target, place: str) -> Iterator[Link]:
    """No listener at all: the service that had the port at the last scan, where that is down now."""
    previous = case.judged.past.previous
    unit = bare(previous.listener_units.get(place, "")) if previous else ""
    owner = (previous.listeners or {}).get(place, "") if previous else ""
    down = [
        symptom
        for symptom in case.of(*DOWN, *GONE)
        if bare(str(symptom.get("unit") or symptom.get("name"))) in {unit, owner} - {""}
    ]
    if down:
        yield from (Link(symptom, failure) for symptom in down for failure in target.failed)
        return
    text = f"Nothing listens on {place} of {case.host}" + (
        f", where {owner} did at the last scan" if owner else ""
    )
    yield from _caused(case.host, target, "ports.not_listening", place, text)


def _between(target: Target) -> Iterator[Link]:
    """Some get through and some do not: it is neither the service nor, alone, the target."""
    hard = [failure for failure in target.failed if failure.rule != "reach.slow"]
    if not hard or not target.reached:
        return
    failing = sorted({failure.host for failure in hard})
    text = (
        f"Only {fold(failing)} {'fail' if len(failing) > 1 else 'fails'} to open {target.name}, "
        f"{fold(sorted(target.reached))} can: a filter or a route between"
    )
    yield from (Link(_filter(target, failure, text), failure) for failure in hard)


def _silent_target(case: Case, target: Target) -> Iterator[Link]:
    """The target could not be scanned either: if it is silent to us as well, it is the target."""
    failure = case.judged.failure
    scan = case.failed_scan
    if failure is not None and scan is not None and failure.kind in DEAD and not target.reached:
        yield from (Link(scan, failed) for failed in target.failed)
    else:
        yield from _between(target)


def _unknown_target(target: Target) -> Iterator[Link]:
    """Not one of the hosts in question: only the probers can be compared."""
    if target.reached:
        yield from _between(target)


def _caused(
    host: str, target: Target, rule: str, place: str, text: str, listener: Listener | None = None
) -> Iterator[Link]:
    cause = Symptom(
        host,
        found(
            rule,
            "critical",
            place,
            text,
            then=filters(target.port)
            if rule == "reach.filter_at_target"
            else f"ss -Hlntup 'sport = :{target.port}'",
            port=target.port,
            protocol=target.protocol,
            address=listener.address if listener else None,
            pid=listener.pid if listener else None,
            name=listener.name if listener else None,
            unit=listener.unit if listener else None,
            failing=sorted({failure.host for failure in target.failed}),
        ),
    )
    return (Link(cause, failure) for failure in target.failed)
