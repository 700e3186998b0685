"""What a host's own past tells a rule: a glimpse of each recent scan, and what they have in common."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import TypeVar

from msgspec import Struct, field

from fleet_collector.snapshot import Section, Snapshot

T = TypeVar("T")

KEPT = 14  # glimpses: two weeks of nights
LEARNED = 3  # scans that make a habit (ours)
GROUPS_KEPT = 15  # with fewer names of processes than this the agent has left none out


class Glimpse(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The part of one earlier scan that rules compare with; None was not measured then.

    ``taken_at`` in seconds since the epoch. ``units``: every active service and its restart counter.
    ``listeners``: owner by ``tcp/443``. ``daemons``: process name to the start time of its oldest process.
    ``logs``: allocated bytes by ``path|device:inode``. ``writable``: mounts that were writable.
    ``carriers``: how often each link has come or gone since the boot. ``numbers``: a few metrics by name.
    """

    taken_at: float
    boot_id: str | None = None
    clock_synchronised: bool | None = None
    units: dict[str, int] | None = None
    listeners: dict[str, str] | None = None
    listener_units: dict[str, str] = field(default_factory=dict)
    daemons: dict[str, float] | None = None
    logs: dict[str, int] | None = None
    writable: list[str] | None = None
    default_routes: int | None = None
    carriers: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)


class Foretold(Struct, frozen=True, kw_only=True):
    """A number that was seen to grow (or fall) towards its limit, by the host's stored history.

    ``value`` and ``limit`` in the number's own unit; ``low_days`` to ``high_days``, counted from ``made_at``
    (seconds since the epoch), hold with 90 % the day on which the limit is met; None is open.
    """

    metric: str
    label: str
    made_at: float
    value: float
    limit: float
    slope_per_day: float
    confidence: float
    low_days: float
    high_days: float | None


class Past(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The host's recent scans, oldest first, and what its history foretells; an empty past says nothing."""

    glimpses: tuple[Glimpse, ...] = ()
    foretold: tuple[Foretold, ...] = ()

    @property
    def previous(self) -> Glimpse | None:
        """The scan before this one."""
        return self.glimpses[-1] if self.glimpses else None

    def median(self, metric: str) -> float | None:
        """The usual value of a number, once it was seen often enough."""
        seen = [glimpse.numbers[metric] for glimpse in self.glimpses if metric in glimpse.numbers]
        return statistics.median(seen) if len(seen) >= LEARNED else None

    def always(self, fact: str) -> set[str]:
        """Keys of a mapping (``units``, ``listeners``, ``daemons``) that every recent scan had.

        Empty until enough scans agree, and where the fact was not measured in one of them.
        """
        seen: list[Mapping[str, object] | None] = [getattr(glimpse, fact) for glimpse in self.glimpses]
        if len(seen) < LEARNED or any(mapping is None for mapping in seen):
            return set()
        return set.intersection(*(set(mapping or ()) for mapping in seen))


def recall(scans: Iterable[tuple[float, Snapshot]]) -> Past:
    """The past of a host from its earlier snapshots, oldest first: (taken_at, snapshot)."""
    return Past(glimpses=tuple(glimpse(taken_at, snapshot) for taken_at, snapshot in scans)[-KEPT:])


def extended(past: Past, taken_at: float, snapshot: Snapshot) -> Past:
    """The past with one more scan; the oldest makes room."""
    glimpses = (*past.glimpses, glimpse(taken_at, snapshot))[-KEPT:]
    return Past(glimpses=glimpses, foretold=past.foretold)


def glimpse(taken_at: float, snapshot: Snapshot) -> Glimpse:
    """What later scans will want to know of this one."""
    identity = facts(snapshot.identity)
    network = facts(snapshot.network)
    routes = network.default_routes if network else None
    listeners, listener_units = _listeners(snapshot)
    return Glimpse(
        taken_at=taken_at,
        boot_id=identity.boot_id if identity else None,
        clock_synchronised=identity.clock_synchronised if identity else None,
        units=_units(snapshot),
        listeners=listeners,
        listener_units=listener_units,
        daemons=_daemons(snapshot),
        logs=_logs(snapshot),
        writable=_writable(snapshot),
        default_routes=None if routes is None else len(routes),
        carriers={
            interface.name: interface.carrier_changes
            for interface in (network.interfaces if network else None) or ()
            if interface.carrier_changes is not None
        },
        numbers=_numbers(snapshot),
    )


def facts(section: Section[T] | None) -> T | None:
    """A section's data, or None where it was not measured."""
    return section.data if section is not None else None


def is_cut(section: Section[T] | None, fact: str) -> bool:
    """Whether the agent left out a part of a list."""
    return section is not None and section.notes.get(fact, "").startswith("cut")


def log_key(path: str, device: str | None, inode: int | None) -> str:
    """The identity of a file over time: a rotated log has the same path and another inode."""
    return f"{path}|{device or ''}:{inode or ''}"


def _units(snapshot: Snapshot) -> dict[str, int] | None:
    services = facts(snapshot.services)
    if services is None or services.units is None or is_cut(snapshot.services, "units"):
        return None
    return {
        unit.name: unit.restarts or 0
        for unit in services.units
        if unit.active == "active" and unit.type != "oneshot" and unit.sub != "exited"
    }


def _listeners(snapshot: Snapshot) -> tuple[dict[str, str] | None, dict[str, str]]:
    ports = facts(snapshot.ports)
    if ports is None or ports.listeners is None or is_cut(snapshot.ports, "listeners"):
        return None, {}
    owners: dict[str, str] = {}
    units: dict[str, str] = {}
    for listener in ports.listeners:
        key = f"{listener.protocol[:3]}/{listener.port}"
        owners[key] = owners.get(key) or listener.name or ""
        if listener.unit:
            units[key] = listener.unit
    return owners, units


def _daemons(snapshot: Snapshot) -> dict[str, float] | None:
    processes = facts(snapshot.processes)
    if processes is None or processes.groups is None:
        return None
    return {group.name: group.started_at for group in processes.groups if group.started_at is not None}


def _logs(snapshot: Snapshot) -> dict[str, int] | None:
    logs = facts(snapshot.logs)
    if logs is None or logs.files is None:
        return None
    return {log_key(file.path, file.device, file.inode): file.size_bytes for file in logs.files}


def _writable(snapshot: Snapshot) -> list[str] | None:
    disk = facts(snapshot.disk)
    if disk is None or disk.volumes is None:
        return None
    return [volume.mount for volume in disk.volumes if volume.read_only is False]


def _numbers(snapshot: Snapshot) -> dict[str, float]:
    processes, connections = facts(snapshot.processes), facts(snapshot.connections)
    cpu, memory = facts(snapshot.cpu), facts(snapshot.memory)
    states = (connections.states if connections else None) or {}
    numbers: dict[str, float | None] = {
        "processes": processes.total if processes else None,
        "threads": processes.threads if processes else None,
        "cpu_steal_percent": cpu.percent.steal if cpu and cpu.percent else None,
        "oom_kills": memory.oom_kills if memory else None,
        "established": states.get("established"),
        "time_wait": states.get("time_wait"),
        "syn_recv": states.get("syn_recv"),
    }
    return {name: float(value) for name, value in numbers.items() if value is not None}
