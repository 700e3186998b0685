"""Chains on one host around sockets: leaks that use up descriptors, ports or queues."""

from __future__ import annotations

from collections.abc import Iterator

from fleet_collector.causes.case import Case, Link, every, shared


def descriptors(case: Case) -> Iterator[Link]:
    """Connections that one process does not close are descriptors of the same process."""
    files = case.of("processes.open_files", "processes.open_files_system")
    leaks = case.of("connections.close_wait")
    yield from shared(leaks, files, "pid")
    for flood in case.of("connections.established"):
        for file in files:
            if flood.get("pid") is not None and flood.get("pid") == file.get("pid"):
                yield Link(flood, file)


def stuck(case: Case) -> Iterator[Link]:
    """A process that is stuck, out of descriptors or at full speed neither accepts, reads nor closes."""
    queues = case.of("ports.backlog")
    unread = case.of("connections.undrained")
    leaks = case.of("connections.close_wait")
    yield from shared(case.of("processes.open_files", "cpu.application"), queues, "pid")
    yield from shared(case.of("processes.stopped"), (*queues, *unread, *leaks), "pid")
    yield from shared(queues, unread, "pid")
    yield from shared(unread, leaks, "pid")
    for tasks in case.of("processes.blocked"):
        for effect in (*queues, *unread, *leaks):
            if effect.get("pid") in (tasks.get("pids") or ()):
                yield Link(tasks, effect)


def overflow(case: Case) -> Iterator[Link]:
    """A listener that does not accept loses connections: the counter is the whole host's."""
    yield from every(case.of("ports.backlog"), case.of("connections.listen_overflows"))


def used_up(case: Case) -> Iterator[Link]:
    """Short connections to one destination leave TIME_WAIT behind, until no local port is left towards it."""
    spent = case.of("connections.local_ports")
    yield from shared(spent, case.of("connections.time_wait", "connections.established"), "address", "port")
    yield from shared(
        spent or case.of("connections.time_wait"), case.of("reach.local_ports"), "address", "port"
    )


def half_open(case: Case) -> Iterator[Link]:
    """The kernel's own word on a SYN flood, and a full connection table."""
    for message in case.of("identity.kernel_message"):
        kind = message.get("kind")
        if kind == "syn_flood":
            yield from every(case.of("ports.backlog") or case.of("connections.syn_recv"), [message])
        elif kind == "conntrack_full":
            yield from every(case.of("network.conntrack"), [message])
        elif kind == "neighbour_full":
            yield from every(case.of("network.neighbours"), [message])
        elif kind == "tcp_memory":
            yield from every(case.of("connections.tcp_memory"), [message])


LINKS = (descriptors, stuck, overflow, used_up, half_open)
