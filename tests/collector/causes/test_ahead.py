"""Forecasts among causes: what grows fills, and what will be full is full."""

from __future__ import annotations

from typing import Any

from fleet_collector.causes.diagnosis import Cause, Judged
from fleet_collector.causes.why import why
from fleet_collector.findings.judge import judge
from fleet_collector.findings.past import Foretold, Past
from fleet_collector.findings.thresholds import GIB
from fleet_collector.snapshot.logs import LogFile, Logs
from fleet_collector.snapshot.processes import ProcessGroup
from tests.collector import hosts
from tests.collector.hosts import NOW, but, subject


def ahead(metric: str, label: str, value: float, limit: float, slope: float) -> Foretold:
    return Foretold(
        metric=metric,
        label=label,
        made_at=NOW,
        value=value,
        limit=limit,
        slope_per_day=slope,
        confidence=0.97,
        low_days=6.4,
        high_days=10.6,
    )


def causes(*foretold: Foretold, **facts: Any) -> list[Cause]:
    one = subject(past=Past(foretold=foretold), **facts)
    return why([Judged(host="web1", taken_at=NOW, snapshot=one.snapshot, findings=judge(one))]).causes


def tree(found: list[Cause]) -> list[tuple[str, set[str]]]:
    return [(cause.rule, {effect.rule for effect in cause.explains}) for cause in found]


LOG = LogFile(path="/srv/shop.log", size_bytes=200 * 2**20, mount="/")
DISK = ahead("disk_used_bytes", "/", 40.0 * GIB, 95.0 * GIB, 6.0 * GIB)


def test_a_growing_log_is_why_its_volume_fills() -> None:
    log = ahead("log_bytes", LOG.path, 150.0 * 2**20, 55.0 * GIB, 5.5 * GIB)
    assert tree(causes(log, DISK, logs=Logs(files=[LOG]))) == [("logs.trend", {"disk.trend"})]


def test_a_log_that_is_a_small_part_of_it_is_not() -> None:
    log = ahead("log_bytes", LOG.path, 150.0 * 2**20, 55.0 * GIB, 0.5 * GIB)
    found = tree(causes(log, DISK, logs=Logs(files=[LOG])))
    assert sorted(found) == [("disk.trend", set()), ("logs.trend", set())]


def test_a_log_elsewhere_is_not() -> None:
    log = ahead("log_bytes", LOG.path, 150.0 * 2**20, 55.0 * GIB, 5.5 * GIB)
    found = tree(causes(log, DISK, logs=Logs(files=[but(LOG, mount="/srv")])))
    assert sorted(found) == [("disk.trend", set()), ("logs.trend", set())]


def test_what_grew_is_why_it_is_full() -> None:
    full = but(
        hosts.DISK, volumes=[but(hosts.ROOT, used_bytes=94 * GIB, used_percent=98.9, available_bytes=GIB)]
    )
    assert tree(causes(but_value(DISK, 93.5 * GIB), disk=full)) == [("disk.trend", {"disk.space"})]


def but_value(number: Foretold, value: float) -> Foretold:
    return ahead(number.metric, number.label, value, number.limit, number.slope_per_day)


def test_a_leak_is_why_less_memory_is_left() -> None:
    held = but(hosts.PROCESSES, groups=[ProcessGroup(name="java", count=1, rss_bytes=4 * GIB)])
    leak = ahead("process_rss_bytes", "java", 4.0 * GIB, 13.0 * GIB, 1.0 * GIB)
    falls = ahead("mem_available_bytes", "", 9.5 * GIB, 0.0, -1.1 * GIB)
    (cause,) = causes(leak, falls, processes=held)
    assert (cause.rule, cause.subject) == ("memory.trend", "java")
    assert [effect.subject for effect in cause.explains] == ["mem_available_bytes"]
