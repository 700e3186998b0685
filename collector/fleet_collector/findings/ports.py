"""Step 7: a wanted port not held, held by somebody else, or held by one who does not accept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fleet_collector.findings.expected import WantedPort, wanted_port
from fleet_collector.findings.finding import Finding, found
from fleet_collector.findings.past import LEARNED, facts, is_cut
from fleet_collector.findings.services import bare
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.words import listed, several, short
from fleet_collector.snapshot.ports import Listener
from fleet_collector.wording import number

EPHEMERAL = 32768  # ports the kernel hands out (ip_local_port_range) come and go
SMALL_BACKLOG = 16
LOOPBACK = ("127.", "::1", "::ffff:127.")


def wanted(subject: Subject) -> Iterator[Finding]:
    """A port the operator wants: without listener, or with one of another name."""
    if not subject.expected.ports:
        return
    ports = facts(subject.snapshot.ports)
    if ports is None or ports.listeners is None:
        for text in subject.expected.ports:
            yield found("ports.wanted", "unknown", text, f"Who listens on {text} was not measured", port=text)
        return
    for port in map(wanted_port, subject.expected.ports):
        listeners = on_port(ports.listeners, port.protocol, port.port)
        if listeners:
            yield from _owner(port, listeners)
            continue
        yield found(
            "ports.wanted",
            "critical",
            port.name,
            f"Nothing listens on {port.name}" + (f", where {port.owner} should" if port.owner else ""),
            then=_look(port.port),
            protocol=port.protocol,
            port=port.port,
            owner=port.owner,
        )


def _owner(port: WantedPort, listeners: list[Listener]) -> Iterator[Finding]:
    if port.owner is None or any(is_owner(listener, port.owner) for listener in listeners):
        return
    holder = listeners[0]
    if holder.name is None and holder.unit is None:
        yield found(
            "ports.owner",
            "unknown",
            port.name,
            f"Who holds {port.name} is not known: without root, owners of others' sockets cannot be read",
            then=_look(port.port),
            port=port.port,
        )
        return
    yield found(
        "ports.owner",
        "critical",
        port.name,
        f"{port.name} is held by {holder_of(holder)} and not by {port.owner}",
        then=_look(port.port),
        protocol=port.protocol,
        owner=port.owner,
        **listener_evidence(holder),
    )


def is_owner(listener: Listener, owner: str) -> bool:
    """Whether a listener is of this process name, program or unit."""
    program = (listener.command or "").partition(" ")[0].rpartition("/")[2].rstrip(":")
    return owner[:15] == (listener.name or "")[:15] or owner in (program, bare(listener.unit or ""))


def learned(subject: Subject) -> Iterator[Finding]:
    """A port that had a listener at every recent scan and has none now, or one of another name."""
    ports, past = facts(subject.snapshot.ports), subject.past
    usual = past.always("listeners")
    if not usual or ports is None or ports.listeners is None or is_cut(subject.snapshot.ports, "listeners"):
        return
    configured = {wanted_port(text).name for text in subject.expected.ports}
    held: dict[str, Listener] = {}
    for listener in ports.listeners:
        held.setdefault(f"{listener.protocol[:3]}/{listener.port}", listener)
    for name in sorted(usual - configured):
        owners = {(glimpse.listeners or {}).get(name, "") for glimpse in past.glimpses}
        port = int(name.partition("/")[2])
        if name not in held and port < EPHEMERAL:
            yield _gone(subject, name, port, owners)
        elif name in held and len(owners) == 1:
            yield from _changed(name, owners.pop(), held[name])


def _gone(subject: Subject, name: str, port: int, owners: set[str]) -> Finding:
    scans = max(len(subject.past.glimpses), LEARNED)
    owner = listed(sorted(owners - {""}))
    previous = subject.past.previous
    return found(
        "ports.learned_missing",
        "warning",
        name,
        f"Nothing listens on {name}, where {short(owner, 60) or 'something'} did at the last"
        f" {several(scans, 'scan')}",
        then=_look(port),
        protocol=name[:3],
        port=port,
        owner=owner or None,
        unit=previous.listener_units.get(name) if previous else None,
        scans=scans,
    )


def _changed(name: str, owner: str, listener: Listener) -> Iterator[Finding]:
    if owner and listener.name and listener.name != owner:
        yield found(
            "ports.owner_changed",
            "warning",
            name,
            f"{name} is held by {holder_of(listener)}, where {short(owner, 40)} was at every recent scan",
            then=_look(listener.port),
            protocol=name[:3],
            owner=owner,
            **listener_evidence(listener),
        )


def backlog(subject: Subject) -> Iterator[Finding]:
    """A queue of accepted connections that its process does not empty."""
    ports, limit = facts(subject.snapshot.ports), subject.thresholds.ports_backlog_percent
    for listener in (ports.listeners if ports else None) or ():
        queue, room = listener.queue or 0, listener.backlog or 0
        # Linux queues one more than asked for; of a short queue only an overfull one is told.
        full = queue > room > 0 or (room >= SMALL_BACKLOG and queue >= room * limit / 100)
        if full and listener.protocol.startswith("tcp"):
            yield found(
                "ports.backlog",
                "critical",
                f"tcp/{listener.port}",
                f"{holder_of(listener)} does not accept on tcp/{listener.port}:"
                f" {number(queue)} connections wait, {number(room)} may",
                then=_look(listener.port),
                queue=queue,
                backlog=room,
                **listener_evidence(listener),
            )


def outdated(subject: Subject) -> Iterator[Finding]:
    """A listener whose program was replaced on disk and not restarted: worth knowing, no fault."""
    ports = facts(subject.snapshot.ports)
    for listener in (ports.listeners if ports else None) or ():
        if listener.exe_deleted:
            yield found(
                "ports.outdated",
                "ok",
                listener.name or f"port {listener.port}",
                f"{holder_of(listener)} runs a program that was replaced on disk since",
                **listener_evidence(listener),
            )


def on_port(listeners: list[Listener], protocol: str, port: int) -> list[Listener]:
    """Listeners of one protocol, either address family."""
    return [one for one in listeners if one.port == port and one.protocol[:3] == protocol[:3]]


def is_loopback(address: str) -> bool:
    """Whether an address answers this host alone."""
    return address.startswith(LOOPBACK)


def holder_of(listener: Listener) -> str:
    """A listener's owner by name, as far as it is known."""
    if listener.pid == 1 and listener.unit:
        return f"systemd for {bare(listener.unit)}"
    if listener.name is None:
        return f"{bare(listener.unit)}" if listener.unit else "an unknown process"
    pid = f"pid {listener.pid}" if listener.pid is not None else "pid unknown"
    unit = f", unit {short(listener.unit, 60)}" if listener.unit else ""
    return f"{short(listener.name, 40)} ({pid}{unit})"


def listener_evidence(listener: Listener) -> dict[str, Any]:
    """A listener as evidence, under the keys that causes join on."""
    return {
        "port": listener.port,
        "address": listener.address,
        "pid": listener.pid,
        "name": listener.name,
        "command": short(listener.command, 300) if listener.command else None,
        "user": listener.user,
        "unit": listener.unit,
        "started_at": listener.started_at,
    }


def _look(port: int) -> str:
    return f"ss -Hlntup 'sport = :{port}'"


RULES = (wanted, learned, backlog, outdated)
