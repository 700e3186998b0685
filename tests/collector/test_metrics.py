from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_collector.metrics import METRICS, Sample, limit_of, measure
from fleet_collector.snapshot import Snapshot

NAMES = [
    "cpu_percent",
    "cpu_iowait_percent",
    "cpu_steal_percent",
    "load1",
    "load5",
    "load15",
    "mem_available_bytes",
    "mem_used_percent",
    "swap_used_bytes",
    "swap_used_percent",
    "processes",
    "threads",
    "zombies",
    "processes_blocked",
    "services_failed",
    "open_files",
    "established",
    "time_wait",
    "close_wait",
    "syn_recv",
    "connections",
    "local_ports_percent",
    "disk_used_bytes",
    "disk_used_percent",
    "inodes_used_percent",
    "log_bytes",
    "process_rss_bytes",
    "process_cpu_percent",
    "process_threads",
    "process_fds",
    "net_rx_bytes",
    "net_tx_bytes",
    "net_errors",
    "uptime_seconds",
]


def snapshot(**sections: dict[str, Any]) -> Snapshot:
    made = {step: {"status": "ok", "data": data} for step, data in sections.items()}
    return msgspec.convert({"schema": 1, "agent": {"version": "1"}, **made}, Snapshot)


def values(**sections: dict[str, Any]) -> dict[tuple[str, str], float]:
    return {(sample.metric, sample.label): sample.value for sample in measure(snapshot(**sections))}


WHOLE: dict[str, dict[str, Any]] = {
    "identity": {"uptime_seconds": 86400.5},
    "cpu": {
        "percent": dict.fromkeys(("user", "nice", "system", "idle", "irq", "softirq"), 1.0)
        | {"busy": 12.5, "iowait": 3.0, "steal": 0.5},
        "load1": 0.1,
        "load5": 0.2,
        "load15": 0.3,
        "pressure": {"some_avg60": 1.5},
    },
    "memory": {
        "total_bytes": 8000,
        "available_bytes": 3000,
        "used_percent": 62.5,
        "swap_total_bytes": 100,
        "swap_used_bytes": 10,
        "swap_used_percent": 10.0,
        "oom_kills": 2,
        "pressure": {"some_avg60": 0.25},
    },
    "processes": {
        "total": 120,
        "threads": 300,
        "states": {"S": 100, "Z": 3},
        "pid_max": 32768,
        "threads_max": 60000,
        "open_files": 2000,
        "open_files_max": 100000,
        "top_open_files": [
            {"pid": 7, "name": "nginx", "open_files": 410, "limit": 1024},
            {"pid": 8, "name": "nginx", "open_files": 90, "limit": 512},
        ],
        "groups": [
            {
                "name": "nginx",
                "count": 2,
                "threads": 2,
                "rss_bytes": 500,
                "cpu_percent": 0.0,
                "open_files": 500,
            },
            {
                "name": "java",
                "count": 1,
                "threads": 90,
                "rss_bytes": 900,
                "open_files": 80,
                "open_files_limit": 4096,
            },
        ],
    },
    "services": {"failed": 1},
    "network": {
        "interfaces": [
            {"name": "lo", "kind": "loopback", "rx_bytes": 10**12, "tx_bytes": 10**12},
            {"name": "eth0", "kind": "physical", "rx_bytes": 5, "tx_bytes": 6, "rx_errors": 1, "tx_errors": 2}
            | {"rx_dropped": 3, "tx_dropped": 4},
            {"name": "veth12ab", "kind": "virtual", "master": "docker0", "rx_bytes": 9, "tx_bytes": 9},
        ],
        "conntrack": 50,
        "conntrack_max": 1000,
    },
    "connections": {
        "states": {"established": 40, "time_wait": 700},
        "total": 740,
        "local_ports_percent": 2.5,
        "local_port_range": [32768, 60999],
        "time_wait_max": 65536,
    },
    "disk": {
        "volumes": [
            {
                "mount": "/",
                "size_bytes": 1000,
                "used_bytes": 600,
                "available_bytes": 300,
                "used_percent": 66.7,
            },
            {
                "mount": "/var",
                "size_bytes": 500,
                "used_bytes": 100,
                "available_bytes": 400,
                "inodes_used_percent": 9.0,
            },
            {"mount": "/mnt/hung", "hung": True},
        ],
        "drives": [{"name": "sda", "util_percent": 7.0, "wait_ms": 0.5}],
    },
    "logs": {
        "files": [
            {"path": "/var/log/shop.log", "size_bytes": 250, "writer": {"pid": 9, "name": "shop"}},
            {"path": "/var/log/shop.log.1", "size_bytes": 200, "rotated_name": True},
            {
                "path": "/var/log/kept.log.1",
                "size_bytes": 7,
                "rotated_name": True,
                "writer": {"pid": 9, "name": "x"},
            },
            {"path": "/var/log/gone.log", "size_bytes": 900, "deleted": True},
        ],
        "total_bytes": 457,
        "journal": {"used_bytes": 77},
    },
}


def test_every_promised_metric_is_described_and_measured() -> None:
    measured = {metric for metric, _ in values(**WHOLE)}
    assert set(NAMES) <= measured
    assert measured <= METRICS.keys()
    assert all(metric.unit and metric.meaning for metric in METRICS.values())
    for name, label in values(**WHOLE):
        assert bool(METRICS[name].labelled) == bool(label)


@pytest.mark.parametrize(
    ("metric", "label", "value"),
    [
        ("cpu_percent", "", 12.5),
        ("processes_blocked", "", 0),
        ("zombies", "", 3),
        ("threads_max", "", 32768),
        ("process_fds", "nginx", 410),
        ("process_fds_limit", "nginx", 1024),
        ("process_fds", "java", 80),
        ("process_cpu_percent", "nginx", 0.0),
        ("net_errors", "eth0", 3),
        ("net_dropped", "eth0", 7),
        ("close_wait", "", 0),
        ("local_ports", "", 28232),
        ("disk_size_bytes", "/", 900),
        ("log_bytes", "/var/log/shop.log", 250),
        ("log_bytes", "/var/log/kept.log.1", 7),
    ],
)
def test_values(metric: str, label: str, value: float) -> None:
    assert values(**WHOLE)[metric, label] == value


def test_what_is_no_fact_makes_no_sample() -> None:
    found = values(**WHOLE)
    for absent in (
        ("net_rx_bytes", "lo"),
        ("net_rx_bytes", "veth12ab"),
        ("disk_used_bytes", "/mnt/hung"),
        ("log_bytes", "/var/log/shop.log.1"),
        ("log_bytes", "/var/log/gone.log"),
        ("process_cpu_percent", "java"),
    ):
        assert absent not in found
    assert measure(Snapshot(schema=1, agent=snapshot().agent)) == []
    assert values(connections={}, processes={}, disk={}, network={}, cpu={}, memory={}, logs={}) == {}


def test_the_clocks_difference_is_a_sample() -> None:
    assert measure(snapshot(), clock_offset_seconds=-2.5) == [Sample("clock_offset_seconds", "", -2.5)]
    assert measure(snapshot(), clock_offset_seconds=math.nan) == []


@pytest.mark.parametrize(
    ("metric", "label", "limit"),
    [
        ("disk_used_percent", "/", 100),
        ("process_cpu_percent", "java", None),
        ("disk_used_bytes", "/var", 500),
        ("log_bytes", "/var/log/shop.log", 650),
        ("process_rss_bytes", "java", 3900),
        ("process_threads", "java", 32768 - 210),
        ("process_fds", "nginx", 1024),
        ("time_wait", "", 28232),
        ("processes", "", 32768),
        ("threads", "", 32768),
        ("open_files", "", 100000),
        ("conntrack", "", 1000),
        ("swap_used_bytes", "", 100),
        ("mem_available_bytes", "", 0),
        ("load1", "", None),
        ("established", "", None),
        ("disk_used_bytes", "/nowhere", None),
    ],
)
def test_limits(metric: str, label: str, limit: float | None) -> None:
    assert limit_of(metric, label, values(**WHOLE)) == limit


def test_time_wait_beyond_the_port_range_ends_at_the_kernels_cap() -> None:
    busy = WHOLE["connections"] | {"states": {"time_wait": 40_000}}
    assert limit_of("time_wait", "", values(connections=busy)) == 65536


def test_a_log_counts_against_the_innermost_mount() -> None:
    latest = {("disk_size_bytes", "/"): 10.0, ("disk_used_bytes", "/"): 1.0, ("log_bytes", "/various/a"): 2.0}
    assert limit_of("log_bytes", "/various/a", latest | {("disk_size_bytes", "/var"): 5.0}) == 11


def test_series_a_host_can_open_are_bounded() -> None:
    many = range(5000)
    found = values(
        processes={
            "groups": [{"name": f"p{n}", "count": 1, "rss_bytes": n, "cpu_percent": 1.0 * n} for n in many],
            "top_open_files": [{"pid": n, "name": f"q{n}", "open_files": n} for n in many],
        },
        disk={"volumes": [{"mount": f"/{n}", "size_bytes": n, "used_bytes": 1} for n in many]},
        network={"interfaces": [{"name": f"e{n}", "rx_bytes": n} for n in many]},
        logs={"files": [{"path": f"/{n}.log", "size_bytes": n} for n in many]},
    )
    assert len(found) < 300
    assert ("process_rss_bytes", "p4999") in found
    assert ("log_bytes", "/4999.log") in found
    assert values(logs={"files": [{"path": "/" + "x" * 2000, "size_bytes": 1}]}) == {}


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_only_finite_numbers_pass(number: float) -> None:
    made = Snapshot(schema=1, agent=snapshot().agent)
    samples = measure(made, clock_offset_seconds=number)
    assert [sample.value for sample in samples] == ([number] if math.isfinite(number) else [])
