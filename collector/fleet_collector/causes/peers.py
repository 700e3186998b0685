"""A connection problem from both ends: addresses become host names, and the peer's own trouble the cause."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from fleet_collector.causes.case import Case, Link, Symptom, words_of
from fleet_collector.causes.daemons import DOWN
from fleet_collector.causes.fleet import Fleet, listeners_of, troubles_of
from fleet_collector.findings.connections import endpoint
from fleet_collector.findings.finding import Finding, found
from fleet_collector.findings.past import facts
from fleet_collector.findings.ports import holder_of
from fleet_collector.findings.words import filters
from fleet_collector.wording import number

CLIENT = (
    "connections.close_wait",
    "connections.established",
    "connections.syn_sent",
    "connections.local_ports",
    "connections.time_wait",
)
PLACE = re.compile(r"([A-Za-z0-9][\w.-]*)(?:[\"')\]]*(?:,? (?:on )?port |:))(\d{2,5})\b")
WAITING = ("connections.close_wait", "connections.established", "connections.syn_sent")


def named(fleet: Fleet, host: str, finding: Finding) -> Finding:
    """The finding with the peer's host name instead of its address, and what the peer says of it."""
    address, port = finding.evidence.get("address"), finding.evidence.get("port")
    if finding.rule not in CLIENT or not isinstance(address, str):
        return finding
    peer = fleet.host_of(address, asker=host)
    if peer is None:
        return finding
    place = endpoint(address, port) if isinstance(port, int) else address
    name = f"{peer}:{port}" if isinstance(port, int) else peer
    message = finding.message.replace(place, name) if peer != host else finding.message
    if finding.rule == "connections.close_wait" and peer != host and isinstance(port, int):
        message += _other_end(fleet.cases[peer], port)
    return msgspec.structs.replace(
        finding,
        message=message,
        subject=name if finding.subject == place and peer != host else finding.subject,
        evidence={**finding.evidence, "peer": peer},
    )


def _other_end(case: Case, port: int) -> str:
    """What the server's own table holds of those connections."""
    connections = facts(case.judged.snapshot.connections) if case.judged.snapshot else None
    if connections is None or connections.by_local_port is None:
        return ""
    states = next((one.states for one in connections.by_local_port if one.port == port), {})
    still = states.get("established", 0) + states.get("fin_wait2", 0)
    return f"; {case.host} still has {number(still)} of its own there, the rest it has closed"


def slow_peers(fleet: Fleet) -> Iterator[Link]:
    """Connections pile up at the client because the server's process does not serve: the same port."""
    for case in fleet.cases.values():
        for pile in case.of(*WAITING):
            peer, port = pile.get("peer"), pile.get("port")
            server = fleet.cases.get(str(peer)) if peer and isinstance(port, int) else None
            if server is not None:
                troubles = troubles_of(server, "tcp", port)
                yield from (Link(trouble, pile) for trouble in troubles if trouble is not pile)
                if not troubles and pile.rule == "connections.syn_sent":
                    yield from _not_listening(server, pile, port)


def both_ends(fleet: Fleet) -> Iterator[Link]:
    """One client's many connections are many at its server as well: the client opened them."""
    for case in fleet.cases.values():
        for opened in case.of("connections.established"):
            server = fleet.cases.get(str(opened.get("peer"))) if opened.get("port") else None
            for held in server.of("connections.established") if server else ():
                if held.get("peer") == case.host and server is not case:
                    yield Link(opened, held)


def dependants(fleet: Fleet) -> Iterator[Link]:
    """A service that went down names a place: a probe of that, or its own trouble, is the cause."""
    for case in fleet.cases.values():
        for unit in case.of(*DOWN):
            places = _places(words_of(unit))
            for probe in case.of("reach."):
                port = str(probe.get("port"))
                if places & {(str(probe.get("host")), port), (str(probe.get("address")), port)}:
                    yield Link(probe, unit)
            for name, port in places:
                peer = fleet.host_of(name, name, case.host)
                if peer is not None and peer != case.host:
                    troubles = troubles_of(fleet.cases[peer], "tcp", int(port))
                    yield from (Link(trouble, unit) for trouble in troubles)


def _places(words: str) -> set[tuple[str, str]]:
    """Every ``db1:5432`` and ``host "db1", port 5432`` in a unit's last words."""
    return set(PLACE.findall(words))


def _not_listening(server: Case, pile: Symptom, port: int) -> Iterator[Link]:
    """Clients wait for an answer that never comes: the server listens, so something drops it on the way."""
    listeners = listeners_of(server, "tcp", port)
    if listeners:
        text = (
            f"{holder_of(listeners[0])} on {server.host} listens on tcp/{port}, but does not get what is sent"
        )
        cause = found(
            "reach.filter_at_target",
            "critical",
            f"tcp/{port}",
            text,
            then=filters(port),
            port=port,
            peer=pile.host,
        )
        yield Link(Symptom(server.host, cause), pile)


def slow_probes(fleet: Fleet) -> Iterator[Link]:
    """A target that is slow or silent to a probe explains what waits for the same address and port."""
    for case in fleet.cases.values():
        for probe in case.of("reach.slow", "reach.filtered", "reach.unreachable"):
            for pile in case.of(*WAITING):
                if (probe.get("address"), probe.get("port")) == (pile.get("address"), pile.get("port")):
                    yield Link(probe, pile)
