"""Identity, processor, memory, processes, services: each rule on both sides of its thresholds."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_collector.findings.thresholds import GIB, MIB, Thresholds
from fleet_collector.snapshot.fact import Pressure
from fleet_collector.snapshot.memory import MemoryProcess, OomKill
from tests.collector import hosts
from tests.collector.hosts import NOW, but, only, rules, subject

MEMORY_CASES: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"total_bytes": 8 * GIB, "available_bytes": 499 * MIB}, {"memory.available": "warning"}),
    ({"total_bytes": 8 * GIB, "available_bytes": 501 * MIB}, {}),
    ({"total_bytes": 16 * GIB, "available_bytes": 700 * MIB}, {"memory.available": "warning"}),
    ({"total_bytes": 64 * GIB, "available_bytes": 1020 * MIB}, {"memory.available": "critical"}),
    ({"total_bytes": 8 * GIB, "available_bytes": 99 * MIB}, {"memory.available": "critical"}),
    ({"total_bytes": 1 * GIB, "available_bytes": 210 * MIB}, {}),
    ({"total_bytes": 1 * GIB, "available_bytes": 200 * MIB}, {"memory.available": "warning"}),
    ({"pressure": Pressure(full_avg60=5.0)}, {"memory.pressure": "warning"}),
    ({"pressure": Pressure(full_avg60=10.0)}, {"memory.pressure": "critical"}),
    ({"pressure": Pressure(full_avg60=4.9)}, {}),
    ({"swap_in_bytes_per_second": 2e6, "swap_out_bytes_per_second": 2e6}, {"memory.swapping": "warning"}),
    ({"swap_in_bytes_per_second": 2e6, "swap_out_bytes_per_second": 1e5}, {}),
    ({"swap_out_bytes_per_second": 2e6}, {}),
    ({"meminfo": {"HardwareCorrupted": 4096}}, {"memory.hardware": "warning"}),
    ({"oom": [OomKill(at=NOW - 60, pid=5, name="java")]}, {"memory.oom": "warning"}),
    ({"oom": [OomKill(at=NOW - 7200, pid=5, name="java")]}, {}),
    (
        {
            "swap_total_bytes": GIB,
            "swap_used_bytes": GIB,
            "swap_used_percent": 91.0,
            "available_bytes": 2 * GIB,
        },
        {"disk.swap": "warning"},
    ),
    (
        {"swap_total_bytes": GIB, "swap_used_bytes": GIB, "swap_used_percent": 99.0, "available_bytes": GIB},
        {"disk.swap": "critical"},
    ),
    ({"swap_total_bytes": GIB, "swap_used_percent": 89.0, "available_bytes": 2 * GIB}, {}),
]


@pytest.mark.parametrize(("facts", "expected"), MEMORY_CASES)
def test_memory(facts: dict[str, Any], expected: dict[str, str]) -> None:
    assert rules(subject(memory=but(hosts.MEMORY, **facts))) == expected


def test_memory_names_its_largest_holders() -> None:
    top = [MemoryProcess(pid=812, name="java", unit="shop.service", rss_bytes=7 * GIB)]
    finding = only(subject(memory=but(hosts.MEMORY, total_bytes=8 * GIB, available_bytes=300 * MIB, top=top)))
    assert finding.subject == "java"
    assert (
        "300 MiB of 8.0 GiB memory left; largest: java (pid 812, unit shop.service) 7.0 GiB"
        in finding.message
    )


def test_memory_thresholds_that_are_set_stand_alone() -> None:
    facts = subject(thresholds=Thresholds(memory_available_bytes=10 * GIB))
    assert rules(facts) == {"memory.available": "warning"}


def test_a_kill_by_the_kernel_is_news_since_the_last_scan() -> None:
    killed = but(
        hosts.MEMORY, oom=[OomKill(at=NOW - 7200, pid=5, name="java", unit="shop.service", rss_bytes=GIB)]
    )
    finding = only(subject(memory=killed, past=hosts.nights(1)))
    assert (
        "killed java (pid 5, unit shop.service) for lack of memory 2 h ago; it held 1.0 GiB"
        in finding.message
    )


def test_kills_are_counted_where_the_log_is_denied() -> None:
    now = but(hosts.MEMORY, oom=None, oom_kills=5)
    past = hosts.nights(1, memory=but(hosts.MEMORY, oom_kills=3))
    assert (
        "killed 2 processes for lack of memory since the last scan"
        in only(subject(memory=now, past=past)).message
    )
    reboot = but(hosts.IDENTITY, boot_id="boot-2")
    assert "memory.oom" not in rules(subject(memory=now, past=past, identity=reboot))
