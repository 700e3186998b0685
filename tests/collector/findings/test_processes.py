"""Identity, processor, memory, processes, services: each rule on both sides of its thresholds."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_collector.findings.expected import Expected
from fleet_collector.findings.thresholds import MIB
from fleet_collector.snapshot.fact import Process
from fleet_collector.snapshot.processes import (
    BlockedTask,
    FdProcess,
    Inotify,
    ProcessGroup,
    TaskLimit,
    ThreadProcess,
    WantedProcess,
    Zombies,
)
from tests.collector import hosts
from tests.collector.hosts import DAY, NOW, but, only, rules, subject

PARENT = Process(pid=44, name="worker", unit="job.service")


def stuck(count: int, **changes: Any) -> list[BlockedTask]:
    return [
        BlockedTask(pid=n, name="tar", both_samples=True, wait_channel="io_schedule", **changes)
        for n in range(count)
    ]


PROCESS_CASES: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"zombies": [Zombies(parent=PARENT, count=5)]}, {"processes.zombies": "warning"}),
    ({"zombies": [Zombies(parent=PARENT, count=4)]}, {}),
    ({"blocked": stuck(3)}, {"processes.blocked": "warning"}),
    ({"blocked": stuck(2)}, {}),
    (
        {"top_open_files": [FdProcess(pid=4, name="x", open_files=820, limit=1024)]},
        {"processes.open_files": "warning"},
    ),
    (
        {"top_open_files": [FdProcess(pid=4, name="x", open_files=922, limit=1024)]},
        {"processes.open_files": "critical"},
    ),
    ({"top_open_files": [FdProcess(pid=4, name="x", open_files=800, limit=1024)]}, {}),
    ({"open_files": 81, "open_files_max": 100}, {"processes.open_files_system": "warning"}),
    ({"open_files": 79, "open_files_max": 100}, {}),
    ({"threads": 26_300, "pid_max": 32_768}, {"processes.limit": "warning"}),
    ({"threads": 26_000, "pid_max": 32_768}, {}),
    ({"threads": 120_000}, {"processes.limit": "critical"}),
    ({"limits": [TaskLimit(scope="user shop", used=91, limit=100)]}, {"processes.limit": "critical"}),
    ({"limits": [TaskLimit(scope="user shop", used=79, limit=100)]}, {}),
    (
        {"groups": [ProcessGroup(name="bomb", count=200, rss_bytes=MIB, started_at=NOW - 60)], "total": 400},
        {"processes.one_name": "warning"},
    ),
    (
        {"groups": [ProcessGroup(name="bomb", count=199, rss_bytes=MIB, started_at=NOW - 60)], "total": 400},
        {},
    ),
    (
        {"groups": [ProcessGroup(name="bomb", count=200, rss_bytes=MIB, started_at=NOW - 60)], "total": 800},
        {},
    ),
    (
        {
            "groups": [ProcessGroup(name="old", count=1000, rss_bytes=MIB, started_at=NOW - DAY)],
            "total": 9000,
        },
        {"processes.one_name": "warning"},
    ),
    ({"groups": [ProcessGroup(name="kworker", count=1000, rss_bytes=0)], "total": 9000}, {}),
    ({"top_threads": [ThreadProcess(pid=4, name="x", threads=5000)]}, {"processes.many_threads": "warning"}),
    ({"top_threads": [ThreadProcess(pid=4, name="x", threads=4999)]}, {}),
    (
        {"top_threads": [ThreadProcess(pid=4, name="x", threads=800, started_at=NOW - 60)]},
        {"processes.many_threads": "warning"},
    ),
    ({"top_threads": [ThreadProcess(pid=4, name="x", threads=799, started_at=NOW - 60)]}, {}),
]


@pytest.mark.parametrize(("facts", "expected"), PROCESS_CASES)
def test_processes(facts: dict[str, Any], expected: dict[str, str]) -> None:
    assert rules(subject(processes=but(hosts.PROCESSES, **facts))) == expected


def test_one_blocked_task_is_enough_where_no_drive_is_busy() -> None:
    drives = [but(drive, util_percent=0.0) for drive in hosts.DISK.drives or []]
    frozen = but(hosts.PROCESSES, blocked=stuck(1))
    assert rules(subject(processes=frozen, disk=but(hosts.DISK, drives=drives))) == {
        "processes.blocked": "warning"
    }
    nfs = but(hosts.PROCESSES, blocked=[but(stuck(1)[0], wait_channel="rpc_wait_bit_killable")])
    assert rules(subject(processes=nfs, disk=but(hosts.DISK, drives=drives))) == {}


def test_far_more_processes_than_usual() -> None:
    crowd = but(hosts.PROCESSES, total=1200, threads=1440)
    assert rules(subject(processes=crowd)) == {}
    assert rules(subject(processes=crowd, past=hosts.nights(3))) == {"processes.unusual": "warning"}
    assert rules(subject(processes=crowd, past=hosts.nights(2))) == {}
    few = but(hosts.PROCESSES, total=18, threads=20)
    more = but(hosts.PROCESSES, total=90, threads=90)
    assert rules(subject(processes=more, past=hosts.nights(3, processes=few))) == {}


def test_a_wanted_process() -> None:
    wanted = Expected(processes=("nginx",))
    dead = but(hosts.PROCESSES, wanted=[WantedProcess(name="nginx", count=0)])
    alive = but(hosts.PROCESSES, wanted=[WantedProcess(name="nginx", count=2)])
    assert rules(subject(processes=dead, expected=wanted)) == {"processes.wanted": "critical"}
    assert rules(subject(processes=alive, expected=wanted)) == {}
    assert rules(subject(expected=wanted)) == {"processes.wanted": "unknown"}


def test_a_daemon_that_was_always_there() -> None:
    gone = but(hosts.PROCESSES, groups=(hosts.PROCESSES.groups or [])[1:])
    finding = only(subject(processes=gone, past=hosts.nights(3)))
    assert (finding.rule, finding.severity) == ("processes.learned_missing", "warning")
    assert finding.message == "nginx ran at the last 3 scans and does not now"
    assert rules(subject(processes=gone, past=hosts.nights(2))) == {}


@pytest.mark.parametrize(
    ("process", "found"),
    [
        (Process(pid=900, name="nginx"), True),  # it listens
        (Process(pid=7, name="shop", unit="shop.service"), True),
        (Process(pid=7, name="vim", unit="session-3.scope"), False),
    ],
)
def test_a_stopped_process(process: Process, found: bool) -> None:
    facts = but(hosts.PROCESSES, stopped=[process])
    assert rules(subject(processes=facts)) == ({"processes.stopped": "warning"} if found else {})


@pytest.mark.parametrize(("used", "severity"), [(102, None), (103, "warning"), (116, "critical")])
def test_inotify_used_up(used: int, severity: str | None) -> None:
    one = Inotify(pid=7, name="code", user="ann", kind="instances", used=used, limit=128, most=90)
    found = rules(subject(processes=but(hosts.PROCESSES, inotify=[one])))
    assert found == ({"processes.inotify": severity} if severity else {})
