"""What changed on a host between two snapshots, and which changes the sick hosts of a group share.

Noise is left out: process ids, counters, ports the kernel hands out, processes that come and go. A step that
was not measured in either snapshot says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct

from fleet_collector.findings.past import GROUPS_KEPT, facts, is_cut
from fleet_collector.snapshot import Snapshot
from fleet_collector.snapshot.logs import LogFile
from fleet_collector.snapshot.network import Interface, Route
from fleet_collector.snapshot.services import Unit
from fleet_collector.wording import number, size

EPHEMERAL = 32768  # from here on UDP sockets are mostly clients (ip_local_port_range)
SETTLED_SECONDS = 60.0  # a process that is younger may be one of those that come and go
PSEUDO = {"squashfs", "iso9660", "erofs", "efivarfs", "fuse.portal"}
GROWN = 1.5  # a file is told when it is half as large again

# The most suspicious first: what incidents are made of more often than not.
KINDS = (
    "boot",
    "kernel",
    "unit",
    "listener",
    "process",
    "mount",
    "route",
    "resolver",
    "address",
    "link",
    "limit",
    "large_file",
)

Facts = dict[str, str]
PASSING = ""  # there, but perhaps on its way: neither new nor gone
REST = "*"  # stands for all subjects that a list of the largest ones leaves out


class Change(Struct, frozen=True, kw_only=True):
    """One thing that is not as it was: ``before`` None is new, ``after`` None has gone."""

    kind: str
    subject: str
    before: str | None
    after: str | None
    step: str


class SharedChange(Struct, frozen=True, kw_only=True):
    """A change that sick hosts have in common, and on which well ones it is found, too."""

    change: Change
    sick: list[str]
    well: list[str]
    sick_total: int
    well_total: int


def diff(before: Snapshot, after: Snapshot) -> list[Change]:
    """All changes from one snapshot to a later one of the same host, the most suspicious kinds first."""
    changes: list[Change] = []
    for kind, step, read in READERS:
        old, new = read(before), read(after)
        if old is not None and new is not None:
            changes += _differences(kind, step, old, new)
    return sorted(changes, key=lambda change: KINDS.index(change.kind))


def shared_changes(
    sick: Mapping[str, Sequence[Change]], well: Mapping[str, Sequence[Change]]
) -> list[SharedChange]:
    """Changes by host, joined: those that most sick hosts and fewest well ones have come first."""
    sick_hosts, well_hosts = _hosts_by_change(sick), _hosts_by_change(well)
    joined = [
        SharedChange(
            change=change,
            sick=hosts,
            well=well_hosts.get(change, []),
            sick_total=len(sick),
            well_total=len(well),
        )
        for change, hosts in sick_hosts.items()
    ]
    return sorted(joined, key=lambda one: (-_suspicion(one), KINDS.index(one.change.kind)))


def _suspicion(one: SharedChange) -> float:
    return len(one.sick) / max(one.sick_total, 1) - len(one.well) / max(one.well_total, 1)


def _hosts_by_change(changes: Mapping[str, Sequence[Change]]) -> dict[Change, list[str]]:
    hosts: dict[Change, list[str]] = {}
    for host, own in changes.items():
        for change in dict.fromkeys(own):
            hosts.setdefault(change, []).append(host)
    return hosts


def _differences(kind: str, step: str, old: Facts, new: Facts) -> Iterator[Change]:
    for subject in sorted(old.keys() | new.keys()):
        was, now = old.get(subject, old.get(REST)), new.get(subject, new.get(REST))
        if was != now and PASSING not in (was, now):
            yield Change(kind=kind, subject=subject, before=was, after=now, step=step)


def _boot(snapshot: Snapshot) -> Facts | None:
    identity = facts(snapshot.identity)
    return {"boot": identity.boot_id} if identity and identity.boot_id else None


def _kernel(snapshot: Snapshot) -> Facts | None:
    identity = facts(snapshot.identity)
    if identity is None:
        return None
    known = {"kernel": identity.kernel, "os": identity.os, "cores": identity.cores}
    return {name: str(value) for name, value in known.items() if value is not None}


def _listeners(snapshot: Snapshot) -> Facts | None:
    ports = facts(snapshot.ports)
    if ports is None or ports.listeners is None or is_cut(snapshot.ports, "listeners"):
        return None
    return {
        f"{one.protocol[:3]}/{one.port} on {one.address}": one.name or one.unit or "unknown owner"
        for one in ports.listeners
        if not (one.protocol.startswith("udp") and one.port >= EPHEMERAL)
    }


def _units(snapshot: Snapshot) -> Facts | None:
    services = facts(snapshot.services)
    if services is None or services.units is None or is_cut(snapshot.services, "units"):
        return None
    return {unit.name: _state(unit) for unit in services.units if unit.active not in {"inactive", "unknown"}}


def _state(unit: Unit) -> str:
    passing = {"activating": "starting", "reloading": "active", "deactivating": "stopping"}
    return passing.get(unit.active, unit.active) + (" (restarting)" if unit.sub == "auto-restart" else "")


def _processes(snapshot: Snapshot) -> Facts | None:
    """Names of settled programs, with their user; how many there are is noise."""
    processes = facts(snapshot.processes)
    if processes is None or processes.groups is None or is_cut(snapshot.processes, "groups"):
        return None
    now = snapshot.agent.started_at
    rest = {} if len(processes.groups) < GROUPS_KEPT else {REST: PASSING}
    return rest | {
        group.name: PASSING
        if now is not None and now - (group.started_at or 0) < SETTLED_SECONDS
        else f"running as {group.user}"
        if group.user
        else "running"
        for group in processes.groups
        if group.rss_bytes
    }


def _mounts(snapshot: Snapshot) -> Facts | None:
    disk = facts(snapshot.disk)
    if disk is None or disk.volumes is None:
        return None
    return {
        volume.mount: f"{volume.type or 'unknown'} on {volume.device or 'unknown'}, "
        + ("read-only" if volume.read_only or volume.emergency_read_only else "writable")
        for volume in disk.volumes
        if not volume.hung and volume.type not in PSEUDO
    }


def _routes(snapshot: Snapshot) -> Facts | None:
    network = facts(snapshot.network)
    if network is None or network.routes is None:
        return None
    routes: dict[str, list[str]] = {}
    for route in (*network.routes, *(network.default_routes or ())):
        routes.setdefault(route.destination, []).append(_way(route))
    return {destination: ", ".join(sorted(set(ways))) for destination, ways in routes.items()}


def _way(route: Route) -> str:
    via = f"via {route.gateway} " if route.gateway else ""
    return f"{via}dev {route.interface}" + (f" metric {route.metric}" if route.metric else "")


def _resolver(snapshot: Snapshot) -> Facts | None:
    network = facts(snapshot.network)
    if network is None or network.resolver is None:
        return None
    known = {"servers": network.resolver.servers, "search": network.resolver.search}
    return {name: " ".join(words) for name, words in known.items() if words}


def _addresses(snapshot: Snapshot) -> Facts | None:
    interfaces = _interfaces(snapshot)
    if interfaces is None:
        return None
    return {address: one.name for one in interfaces for address in one.addresses}


def _links(snapshot: Snapshot) -> Facts | None:
    interfaces = _interfaces(snapshot)
    if interfaces is None:
        return None
    return {one.name: _link(one) for one in interfaces if not one.name.startswith(("veth", "cali", "tap"))}


def _link(interface: Interface) -> str:
    state = "down" if interface.up is False else "no link" if interface.carrier is False else "up"
    return ", ".join(
        part
        for part in (
            state,
            f"mtu {interface.mtu}" if interface.mtu else "",
            f"{number(interface.speed_mbit)} Mbit/s" if interface.speed_mbit else "",
            f"{interface.duplex} duplex" if interface.duplex == "half" else "",
        )
        if part
    )


def _interfaces(snapshot: Snapshot) -> list[Interface] | None:
    network = facts(snapshot.network)
    return network.interfaces if network else None


def _limits(snapshot: Snapshot) -> Facts | None:
    processes, connections = facts(snapshot.processes), facts(snapshot.connections)
    network, memory = facts(snapshot.network), facts(snapshot.memory)
    ports = connections.local_port_range if connections else None
    known: dict[str, object] = {
        "pid_max": processes.pid_max if processes else None,
        "threads-max": processes.threads_max if processes else None,
        "file-max": processes.open_files_max if processes else None,
        "local port range": "-".join(map(str, ports)) if ports else None,
        "tcp_max_tw_buckets": connections.time_wait_max if connections else None,
        "conntrack max": network.conntrack_max if network else None,
        "memory": size(memory.total_bytes) if memory and memory.total_bytes else None,
        "swap": size(memory.swap_total_bytes) if memory and memory.swap_total_bytes is not None else None,
    }
    return {name: str(value) for name, value in known.items() if value is not None}


def _large_files(snapshot: Snapshot) -> Facts | None:
    """Large files; sizes in steps, so that a file is told when it has grown by half."""
    logs = facts(snapshot.logs)
    if logs is None or logs.files is None:
        return None
    return {
        file.path: f"about {size(_step(file))}" + (", deleted" if file.deleted else "") for file in logs.files
    }


def _step(file: LogFile) -> float:
    step = float(1024**2)
    while step * GROWN <= file.size_bytes:
        step *= GROWN
    return step


READERS: tuple[tuple[str, str, Callable[[Snapshot], Facts | None]], ...] = (
    ("boot", "identity", _boot),
    ("kernel", "identity", _kernel),
    ("unit", "services", _units),
    ("listener", "ports", _listeners),
    ("process", "processes", _processes),
    ("mount", "disk", _mounts),
    ("route", "network", _routes),
    ("resolver", "network", _resolver),
    ("address", "network", _addresses),
    ("link", "network", _links),
    ("limit", "processes", _limits),
    ("large_file", "logs", _large_files),
)
