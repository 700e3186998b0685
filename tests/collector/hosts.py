"""A healthy host as plain values, to be made ill one fact at a time."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from fleet_collector.findings.expected import Expected
from fleet_collector.findings.finding import Finding
from fleet_collector.findings.judge import judge
from fleet_collector.findings.past import Past, recall
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.thresholds import GIB, MIB, Thresholds
from fleet_collector.snapshot import SCHEMA, Agent, Section, Snapshot
from fleet_collector.snapshot.connections import Connections
from fleet_collector.snapshot.cpu import Cpu, CpuPercent
from fleet_collector.snapshot.disk import Disk, Drive, Volume
from fleet_collector.snapshot.fact import Fact, Pressure
from fleet_collector.snapshot.identity import Identity
from fleet_collector.snapshot.logs import Logs
from fleet_collector.snapshot.memory import Memory, MemoryProcess
from fleet_collector.snapshot.network import Interface, Lookup, Network, Resolver, Route
from fleet_collector.snapshot.ports import Listener, Ports
from fleet_collector.snapshot.processes import Processes, ProcessGroup
from fleet_collector.snapshot.reach import Reach
from fleet_collector.snapshot.services import Services, Unit

NOW = 1_800_000_000.0
DAY = 86400.0

F = TypeVar("F", bound=Fact)

CALM = Pressure(
    some_avg10=0.5, some_avg60=0.5, some_avg300=0.5, full_avg10=0.0, full_avg60=0.0, full_avg300=0.0
)

IDENTITY = Identity(
    hostname="web1", boot_id="boot-1", uptime_seconds=40 * DAY, machine_id="m1", clock_synchronised=True
)
PERCENT = CpuPercent(
    busy=12.0, user=9.0, nice=0.0, system=3.0, idle=87.0, iowait=1.0, irq=0.0, softirq=0.0, steal=0.0
)
CPU = Cpu(
    cores=4,
    usable_cores=4.0,
    interval_seconds=1.0,
    percent=PERCENT,
    load1=0.4,
    load5=0.5,
    load15=0.5,
    blocked=0,
    forks_per_second=4.0,
    pressure=CALM,
    top=[],
)
MEMORY = Memory(
    total_bytes=16 * GIB,
    available_bytes=9 * GIB,
    swap_total_bytes=0,
    swap_used_bytes=0,
    oom_kills=0,
    oom=[],
    pressure=CALM,
    top=[MemoryProcess(pid=700, name="postgres", unit="postgresql.service", rss_bytes=2 * GIB)],
)
PROCESSES = Processes(
    total=180,
    threads=420,
    pid_max=4194304,
    threads_max=126000,
    open_files=3000,
    open_files_max=9_000_000,
    zombies=[],
    blocked=[],
    top_open_files=[],
    top_threads=[],
    groups=[
        ProcessGroup(
            name="nginx", count=5, threads=5, rss_bytes=50 * MIB, started_at=NOW - 30 * DAY, user="www"
        ),
        ProcessGroup(
            name="sshd", count=1, threads=1, rss_bytes=9 * MIB, started_at=NOW - 40 * DAY, user="root"
        ),
    ],
    wanted=[],
)
SERVICES = Services(
    manager="systemd",
    state="running",
    units=[
        Unit(name="nginx.service", active="active", sub="running", main_pid=900, started_at=NOW - 30 * DAY),
        Unit(name="ssh.service", active="active", sub="running", main_pid=600, started_at=NOW - 40 * DAY),
    ],
)
NETWORK = Network(
    interfaces=[
        Interface(name="lo", up=True, carrier=True, kind="loopback", addresses=["127.0.0.1/8"]),
        Interface(
            name="eth0", up=True, carrier=True, kind="physical", duplex="full", addresses=["10.0.1.11/24"]
        ),
        Interface(name="docker0", up=True, carrier=False, kind="bridge", addresses=["172.17.0.1/16"]),
        Interface(name="eth1", up=True, carrier=False, kind="physical"),
    ],
    routes=[Route(destination="10.0.1.0/24", interface="eth0")],
    default_routes=[Route(destination="default", gateway="10.0.1.1", interface="eth0")],
    resolver=Resolver(servers=["10.0.1.2"], lookups=[Lookup(server="10.0.1.2", ok=True, ms=2.0)]),
)
PORTS = Ports(
    listeners=[
        Listener(
            protocol="tcp",
            address="0.0.0.0",
            port=80,
            pid=900,
            name="nginx",
            unit="nginx.service",
            queue=0,
            backlog=511,
        ),
        Listener(
            protocol="tcp",
            address="0.0.0.0",
            port=22,
            pid=600,
            name="sshd",
            unit="ssh.service",
            queue=0,
            backlog=128,
        ),
    ],
    owners_unknown=0,
)
CONNECTIONS = Connections(
    states={"established": 40, "time_wait": 3000},
    total=3040,
    by_local_port=[],
    by_remote=[],
    by_peer=[],
    by_process=[],
    local_ports=[],
    local_port_range=[32768, 60999],
    time_wait_max=131072,
    counters={"OutSegs": [1000, 9000], "RetransSegs": [1, 2]},
    retransmits_percent=0.1,
)
ROOT = Volume(
    mount="/",
    device="/dev/vda1",
    type="ext4",
    size_bytes=100 * GIB,
    used_bytes=40 * GIB,
    available_bytes=55 * GIB,
    free_bytes=60 * GIB,
    used_percent=42.0,
    inodes=6_000_000,
    inodes_free=5_000_000,
    inodes_used_percent=17.0,
    read_only=False,
    fstab_read_write=True,
)
DISK = Disk(
    volumes=[ROOT],
    drives=[Drive(name="vda", wait_ms=1.0, util_percent=20.0, reads_per_second=5.0, writes_per_second=40.0)],
    deleted=[],
    writers=[],
    raids=[],
    pressure=CALM,
)

DATA: dict[str, Any] = {
    "identity": IDENTITY,
    "cpu": CPU,
    "memory": MEMORY,
    "processes": PROCESSES,
    "services": SERVICES,
    "network": NETWORK,
    "reach": Reach(probes=[]),
    "ports": PORTS,
    "connections": CONNECTIONS,
    "disk": DISK,
    "logs": Logs(files=[], roots=["/var/log"]),
}


def snapshot(at: float = NOW, /, **changes: Any) -> Snapshot:
    """A healthy host but for ``changes``: a step's data, a Section, or None where it did not arrive."""
    steps: dict[str, Any] = {step: Section(status="ok", data=data) for step, data in DATA.items()}
    for step, change in changes.items():
        steps[step] = (
            change if change is None or isinstance(change, Section) else Section(status="ok", data=change)
        )
    return Snapshot(schema=SCHEMA, agent=Agent(version="1", started_at=at, finished=True), **steps)


def but(fact: F, **changes: Any) -> F:
    """A fact with some of its fields changed."""
    return msgspec.structs.replace(fact, **changes)


def subject(
    *,
    host: str = "web1",
    thresholds: Thresholds | None = None,
    expected: Expected | None = None,
    past: Past | None = None,
    offset: float | None = 0.0,
    **changes: Any,
) -> Subject:
    """What rules look at, of a host that is healthy but for ``changes``."""
    return Subject(
        host=host,
        taken_at=NOW,
        snapshot=snapshot(**changes),
        thresholds=thresholds or Thresholds(),
        expected=expected or Expected(),
        past=past or Past(),
        clock_offset_seconds=offset,
    )


def nights(count: int = 5, **changes: Any) -> Past:
    """The past of a host that was the same on each of the last nights."""
    times = [NOW - night * DAY for night in range(count, 0, -1)]
    return recall((at, snapshot(at, **changes)) for at in times)


def alarms(one: Subject) -> list[Finding]:
    """Findings above ok."""
    return [finding for finding in judge(one) if finding.severity != "ok"]


def rules(one: Subject) -> dict[str, str]:
    """Severity by rule, of findings above ok."""
    return {finding.rule: finding.severity for finding in alarms(one)}


def only(one: Subject) -> Finding:
    """The one finding above ok."""
    (finding,) = alarms(one)
    return finding
