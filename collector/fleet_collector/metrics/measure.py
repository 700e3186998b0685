"""From a snapshot to its samples; one small generator a section, each pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from heapq import nlargest
from typing import NamedTuple

from fleet_collector.snapshot import Snapshot
from fleet_collector.snapshot.connections import Connections
from fleet_collector.snapshot.cpu import Cpu
from fleet_collector.snapshot.disk import Disk, Drive, Volume
from fleet_collector.snapshot.identity import Identity
from fleet_collector.snapshot.logs import LogFile, Logs
from fleet_collector.snapshot.memory import Memory
from fleet_collector.snapshot.network import Interface, Network
from fleet_collector.snapshot.processes import Processes, ProcessGroup
from fleet_collector.snapshot.services import Services

MOST_VOLUMES = 32
MOST_DRIVES = 12
MOST_INTERFACES = 16
MOST_LOGS = 20
MOST_PROCESS_NAMES = 16  # of which a quarter by CPU, the others by memory
LONGEST_LABEL = 1024


class Sample(NamedTuple):
    """One number of one scan; ``label`` is empty where the metric has none."""

    metric: str
    label: str
    value: float


_Fact = tuple[str, str, float | None]
"""A sample before it is known that it was measured."""


def measure(snapshot: Snapshot, clock_offset_seconds: float | None = None) -> list[Sample]:
    """Return the samples of a snapshot: only what was measured, each series once, in a fixed order.

    Labels longer than 1024 characters and numbers that are not finite are left out.
    """
    facts = [*_all(snapshot), ("clock_offset_seconds", "", clock_offset_seconds)]
    found: dict[tuple[str, str], Sample] = {}
    for metric, label, value in facts:
        if value is not None and len(label) <= LONGEST_LABEL and math.isfinite(value):
            found.setdefault((metric, label), Sample(metric, label, float(value)))
    return list(found.values())


def _all(snapshot: Snapshot) -> Iterator[_Fact]:
    if snapshot.identity and snapshot.identity.data:
        yield from _identity(snapshot.identity.data)
    if snapshot.cpu and snapshot.cpu.data:
        yield from _cpu(snapshot.cpu.data)
    if snapshot.memory and snapshot.memory.data:
        yield from _memory(snapshot.memory.data)
    if snapshot.processes and snapshot.processes.data:
        yield from _processes(snapshot.processes.data)
    if snapshot.services and snapshot.services.data:
        yield from _services(snapshot.services.data)
    if snapshot.network and snapshot.network.data:
        yield from _network(snapshot.network.data)
    if snapshot.connections and snapshot.connections.data:
        yield from _connections(snapshot.connections.data)
    if snapshot.disk and snapshot.disk.data:
        yield from _disk(snapshot.disk.data)
    if snapshot.logs and snapshot.logs.data:
        yield from _logs(snapshot.logs.data)


def _identity(identity: Identity) -> Iterator[_Fact]:
    yield "uptime_seconds", "", identity.uptime_seconds


def _cpu(cpu: Cpu) -> Iterator[_Fact]:
    if cpu.percent:
        yield "cpu_percent", "", cpu.percent.busy
        yield "cpu_iowait_percent", "", cpu.percent.iowait
        yield "cpu_steal_percent", "", cpu.percent.steal
    yield "cpu_pressure_percent", "", cpu.pressure.some_avg60 if cpu.pressure else None
    yield "load1", "", cpu.load1
    yield "load5", "", cpu.load5
    yield "load15", "", cpu.load15


def _memory(memory: Memory) -> Iterator[_Fact]:
    yield "mem_available_bytes", "", memory.available_bytes
    yield "mem_total_bytes", "", memory.total_bytes
    yield "mem_used_percent", "", memory.used_percent
    yield "mem_pressure_percent", "", memory.pressure.some_avg60 if memory.pressure else None
    yield "swap_used_bytes", "", memory.swap_used_bytes
    yield "swap_total_bytes", "", memory.swap_total_bytes
    yield "swap_used_percent", "", memory.swap_used_percent
    yield "oom_kills", "", memory.oom_kills


def _processes(processes: Processes) -> Iterator[_Fact]:
    states = processes.states
    yield "processes", "", processes.total
    yield "processes_max", "", processes.pid_max
    yield "threads", "", processes.threads
    yield "threads_max", "", _least(processes.threads_max, processes.pid_max)
    yield "zombies", "", None if states is None else states.get("Z", 0)
    yield "processes_blocked", "", None if states is None else states.get("D", 0)
    yield "open_files", "", processes.open_files
    yield "open_files_max", "", processes.open_files_max
    yield from _descriptors(processes)
    for group in _worth_keeping(processes.groups or ()):
        yield "process_rss_bytes", group.name, group.rss_bytes
        yield "process_cpu_percent", group.name, group.cpu_percent
        yield "process_threads", group.name, group.threads
        if group.count == 1:
            yield "process_fds", group.name, group.open_files
            yield "process_fds_limit", group.name, group.open_files_limit


def _least(*values: int | None) -> int | None:
    return min((value for value in values if value is not None), default=None)


def _descriptors(processes: Processes) -> Iterator[_Fact]:
    """Yield the fullest process of each name: the limit holds for one process, not for their sum."""
    fullest = sorted(processes.top_open_files or (), key=lambda process: -process.open_files)
    for process in fullest[:MOST_PROCESS_NAMES]:
        yield "process_fds", process.name, process.open_files
        yield "process_fds_limit", process.name, process.limit


def _worth_keeping(groups: Iterable[ProcessGroup]) -> list[ProcessGroup]:
    """Return the names with most memory, and the few with most CPU among the others."""
    named = list(groups)
    large = _top(named, MOST_PROCESS_NAMES * 3 // 4, lambda group: group.rss_bytes)
    names = {group.name for group in large}
    others = [group for group in named if group.name not in names]
    return large + _top(others, MOST_PROCESS_NAMES // 4, lambda group: group.cpu_percent)


def _top(
    groups: list[ProcessGroup], most: int, size: Callable[[ProcessGroup], float | None]
) -> list[ProcessGroup]:
    return nlargest(most, (group for group in groups if size(group)), key=lambda group: size(group) or 0.0)


def _services(services: Services) -> Iterator[_Fact]:
    yield "services_failed", "", services.failed


def _network(network: Network) -> Iterator[_Fact]:
    yield "conntrack", "", network.conntrack
    yield "conntrack_max", "", network.conntrack_max
    lasting = (link for link in network.interfaces or () if _lasts(link))
    for link in nlargest(MOST_INTERFACES, lasting, key=_traffic):
        yield "net_rx_bytes", link.name, link.rx_bytes
        yield "net_tx_bytes", link.name, link.tx_bytes
        yield "net_errors", link.name, _both(link.rx_errors, link.tx_errors)
        yield "net_dropped", link.name, _both(link.rx_dropped, link.tx_dropped)


def _lasts(link: Interface) -> bool:
    """Tell a link from the loopback, and from the one-off names that containers get on a bridge."""
    loopback = link.kind == "loopback" or link.name == "lo"
    return not loopback and not (link.kind == "virtual" and link.master)


def _traffic(link: Interface) -> int:
    return (link.rx_bytes or 0) + (link.tx_bytes or 0)


def _both(received: int | None, sent: int | None) -> int | None:
    return None if received is None or sent is None else received + sent


def _connections(connections: Connections) -> Iterator[_Fact]:
    if connections.states is not None:
        for state in ("established", "time_wait", "close_wait", "syn_recv", "syn_sent"):
            yield state, "", connections.states.get(state, 0)
    yield "connections", "", connections.total
    yield "local_ports_percent", "", connections.local_ports_percent
    yield "time_wait_max", "", connections.time_wait_max
    if connections.local_port_range and len(connections.local_port_range) == 2:
        first, last = connections.local_port_range
        yield "local_ports", "", last - first + 1


def _disk(disk: Disk) -> Iterator[_Fact]:
    for volume in nlargest(MOST_VOLUMES, disk.volumes or (), key=lambda volume: volume.size_bytes or 0):
        yield "disk_used_bytes", volume.mount, volume.used_bytes
        yield "disk_size_bytes", volume.mount, _usable(volume)
        yield "disk_used_percent", volume.mount, volume.used_percent
        yield "inodes_used_percent", volume.mount, volume.inodes_used_percent
    for drive in nlargest(MOST_DRIVES, disk.drives or (), key=_work):
        yield "disk_util_percent", drive.name, drive.util_percent
        yield "disk_wait_ms", drive.name, drive.wait_ms


def _usable(volume: Volume) -> int | None:
    """Return what df counts as 100 %: blocks reserved for root are out of reach for those who write."""
    if volume.used_bytes is None or volume.available_bytes is None:
        return volume.size_bytes
    return volume.used_bytes + volume.available_bytes


def _work(drive: Drive) -> float:
    return (drive.reads_per_second or 0.0) + (drive.writes_per_second or 0.0)


def _logs(logs: Logs) -> Iterator[_Fact]:
    yield "logs_total_bytes", "", logs.total_bytes
    yield "journal_bytes", "", logs.journal.used_bytes if logs.journal else None
    matter = (file for file in logs.files or () if _matters(file))
    for file in nlargest(MOST_LOGS, matter, key=lambda file: file.size_bytes):
        yield "log_bytes", file.path, file.size_bytes


def _matters(file: LogFile) -> bool:
    """Tell a file that may yet grow from one that rotation has laid aside or somebody has deleted."""
    return not file.deleted and (not file.rotated_name or file.writer is not None)
