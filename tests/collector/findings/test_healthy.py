"""What must stay quiet: healthy hosts, and the usual red herrings."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_collector.findings.judge import judge
from fleet_collector.findings.thresholds import GIB, MIB
from fleet_collector.snapshot import Section
from fleet_collector.snapshot.cpu import CpuProcess
from fleet_collector.snapshot.disk import DeletedFile, Volume
from fleet_collector.snapshot.fact import Process
from fleet_collector.snapshot.identity import KernelMessage
from fleet_collector.snapshot.logs import Journal, LogFile, Logrotate, Logs, Rotation
from fleet_collector.snapshot.memory import MemoryProcess
from fleet_collector.snapshot.network import Lookup, Network, Resolver, Route
from fleet_collector.snapshot.processes import BlockedTask, FdProcess, ProcessGroup, ThreadProcess, Zombies
from fleet_collector.snapshot.services import Unit
from tests.collector import hosts
from tests.collector.hosts import DAY, NOW, but, subject

SNAP = Volume(
    mount="/snap/core/1",
    device="/dev/loop1",
    type="squashfs",
    size_bytes=60 * MIB,
    available_bytes=0,
    free_bytes=0,
    used_percent=100.0,
    inodes=9000,
    inodes_free=0,
    inodes_used_percent=100.0,
    read_only=True,
)
BIND = Volume(
    mount="/etc/keys",
    device="/dev/vdb1",
    type="ext4",
    size_bytes=GIB,
    available_bytes=0,
    used_percent=100.0,
    read_only=True,
)
TOWER = Process(pid=900, name="nginx")


def log(**changes: Any) -> LogFile:
    return but(
        LogFile(
            path="/var/log/app/app.log",
            size_bytes=3 * GIB,
            mount="/",
            device="8:1",
            inode=7,
            under_root=True,
            modified_at=NOW - 5,
            growth_bytes_per_second=40_000.0,
            writer=TOWER,
        ),
        **changes,
    )


COVERED = Rotation(covered=True, rule="/etc/logrotate.d/app", period="daily", last_at=NOW - DAY)

QUIET: dict[str, dict[str, Any]] = {
    "healthy": {},
    "a batch job at nice 19 on all cores": {
        "cpu": but(
            hosts.CPU,
            load1=4.0,
            load5=4.0,
            top=[
                CpuProcess(
                    pid=5,
                    name="backup",
                    core_percent=399,
                    machine_percent=99.7,
                    nice=19,
                    started_at=NOW - 900,
                    cpu_seconds=3500,
                )
            ],
        )
    },
    "a daemon that bursts for a second": {
        "cpu": but(
            hosts.CPU,
            cores=2,
            usable_cores=2.0,
            top=[
                CpuProcess(
                    pid=5,
                    name="java",
                    core_percent=140,
                    machine_percent=70.0,
                    nice=0,
                    started_at=NOW - 9 * DAY,
                    cpu_seconds=40_000,
                )
            ],
        )
    },
    "a process born a moment ago": {
        "cpu": but(
            hosts.CPU,
            top=[CpuProcess(pid=5, name="cc1", core_percent=95, machine_percent=95.0, started_at=NOW - 0.2)],
        )
    },
    "one thread full on a large machine": {
        "cpu": but(
            hosts.CPU,
            cores=64,
            usable_cores=64.0,
            top=[CpuProcess(pid=5, name="gzip", core_percent=100, machine_percent=1.6, started_at=NOW - 900)],
        )
    },
    "a busy second without load": {"cpu": but(hosts.CPU, percent=but(hosts.PERCENT, busy=99.0, idle=1.0))},
    "load that is over": {"cpu": but(hosts.CPU, load1=1.0, load5=12.0, load15=14.0)},
    "a small machine": {"memory": but(hosts.MEMORY, total_bytes=490 * MIB, available_bytes=200 * MIB)},
    "swap full of idle pages": {
        "memory": but(hosts.MEMORY, swap_total_bytes=2 * GIB, swap_used_bytes=2 * GIB, swap_used_percent=99.0)
    },
    "OOM kills of long ago": {"memory": but(hosts.MEMORY, oom_kills=3)},
    "pages that come back in": {"memory": but(hosts.MEMORY, swap_in_bytes_per_second=5.0 * MIB)},
    "short-lived zombies": {
        "processes": but(hosts.PROCESSES, zombies=[Zombies(parent=TOWER, count=2, names=["sh"])])
    },
    "one task that waits for a busy drive": {
        "processes": but(hosts.PROCESSES, blocked=[BlockedTask(pid=9, name="jbd2", both_samples=True)])
    },
    "tasks that pass through state D": {
        "processes": but(hosts.PROCESSES, blocked=[BlockedTask(pid=n, name="dd") for n in range(9)])
    },
    "a large prefork server": {
        "processes": but(
            hosts.PROCESSES,
            total=500,
            groups=[ProcessGroup(name="postgres", count=300, rss_bytes=GIB, started_at=NOW - 9 * DAY)],
        )
    },
    "a large java server": {
        "processes": but(
            hosts.PROCESSES,
            top_threads=[ThreadProcess(pid=4, name="java", threads=2500, started_at=NOW - 9 * DAY)],
        )
    },
    "a tool with a tiny limit": {
        "processes": but(
            hosts.PROCESSES, top_open_files=[FdProcess(pid=4, name="x", open_files=10, limit=10)]
        )
    },
    "a oneshot that ended well and a masked unit": {
        "services": but(
            hosts.SERVICES,
            units=[
                *(hosts.SERVICES.units or []),
                Unit(name="setup.service", active="inactive", sub="dead", type="oneshot", result="success"),
                Unit(name="old.service", active="inactive", load="masked", enabled="masked"),
                Unit(name="often.service", active="active", restarts=9, started_at=NOW - 3 * DAY),
            ],
        )
    },
    "no network but loopback": {
        "network": Network(interfaces=(hosts.NETWORK.interfaces or [])[:1], default_routes=[], routes=[])
    },
    "an IPv6 router that does not answer": {
        "network": but(
            hosts.NETWORK,
            default_routes=[
                *(hosts.NETWORK.default_routes or []),
                Route(destination="default", gateway="fd00::1", interface="eth0"),
            ],
            neighbours=None,
        )
    },
    "a name server that a host without network cannot ask": {
        "network": Network(
            interfaces=(hosts.NETWORK.interfaces or [])[:1],
            default_routes=[],
            resolver=Resolver(lookups=[Lookup(server="10.0.0.2", ok=False, error="Network is unreachable")]),
        )
    },
    "retransmits of a handful of segments": {
        "connections": but(
            hosts.CONNECTIONS, retransmits_percent=33.0, counters={"OutSegs": [10, 13], "RetransSegs": [0, 1]}
        )
    },
    "volumes that are full by nature": {"disk": but(hosts.DISK, volumes=[hosts.ROOT, SNAP, BIND])},
    "a large volume in its last percent": {
        "disk": but(
            hosts.DISK,
            volumes=[but(hosts.ROOT, size_bytes=20_000 * GIB, used_percent=96.0, available_bytes=800 * GIB)],
        )
    },
    "a large volume with many inodes left": {
        "disk": but(hosts.DISK, volumes=[but(hosts.ROOT, inodes_used_percent=93.0, inodes_free=9_000_000)])
    },
    "a small deleted file": {
        "disk": but(
            hosts.DISK, deleted=[DeletedFile(pid=4, name="mysqld", path="/tmp/ib", size_bytes=MIB, mount="/")]
        )
    },
    "a lone backup": {"disk": but(hosts.DISK, pressure=but(hosts.CALM, full_avg60=60.0, some_avg60=70.0))},
    "a sparse file": {
        "logs": Logs(files=[log(size_bytes=4096, length_bytes=20 * GIB, growth_bytes_per_second=0.0)])
    },
    "a log that logrotate keeps": {"logs": Logs(files=[log(rotation=COVERED)])},
    "a log that its program rotates": {
        "logs": Logs(
            files=[
                log(growth_bytes_per_second=90_000.0),
                log(
                    path="/var/log/app/app.log.1",
                    inode=8,
                    modified_at=NOW - DAY,
                    writer=None,
                    rotated_name=True,
                    growth_bytes_per_second=0.0,
                ),
            ]
        )
    },
    "an old log that nobody writes": {
        "logs": Logs(files=[log(modified_at=NOW - 40 * DAY, writer=None, growth_bytes_per_second=0.0)])
    },
    "a database that grows": {
        "logs": Logs(
            files=[
                log(
                    path="/var/lib/postgresql/16/main/base/5/16384",
                    under_root=False,
                    growth_bytes_per_second=20e6,
                )
            ]
        )
    },
    "an image with logrotate and without cron": {
        "identity": but(hosts.IDENTITY, container="docker"),
        "logs": Logs(
            files=[],
            logrotate=Logrotate(installed=True, problems=["scheduled by cron, but no cron daemon runs"]),
        ),
    },
    "a journal within its cap": {
        "logs": Logs(files=[], journal=Journal(used_bytes=4 * GIB, cap_bytes=4 * GIB))
    },
    "file system errors on a device that has gone": {
        "identity": but(
            hosts.IDENTITY,
            kernel_messages=[
                KernelMessage(
                    kind="filesystem_error",
                    count=2,
                    last_at=NOW - 9,
                    last="EXT4-fs error (device loop7): ext4_find",
                )
            ],
        )
    },
    "a scan without root": {
        "ports": Section(
            status="partial", notes={"owners": "denied: the processes of 9 sockets"}, data=hosts.PORTS
        ),
        "disk": Section(status="partial", notes={"deleted": "denied", "raids": "absent"}, data=hosts.DISK),
    },
    "a container without a service manager": {"services": Section(status="absent")},
    "no pressure information and no swap": {
        "cpu": Section(status="ok", notes={"pressure": "absent"}, data=but(hosts.CPU, pressure=None)),
        "memory": but(hosts.MEMORY, pressure=None, top=[MemoryProcess(pid=1, name="init", rss_bytes=MIB)]),
    },
}


@pytest.mark.parametrize("facts", QUIET.values(), ids=QUIET.keys())
def test_stays_quiet(facts: dict[str, Any]) -> None:
    assert hosts.alarms(subject(**facts)) == []


@pytest.mark.parametrize("facts", QUIET.values(), ids=QUIET.keys())
def test_stays_quiet_with_a_past(facts: dict[str, Any]) -> None:
    assert hosts.alarms(subject(past=hosts.nights(5, **facts), **facts)) == []


def test_healthy_hosts_have_no_finding_at_all() -> None:
    assert judge(subject()) == []
