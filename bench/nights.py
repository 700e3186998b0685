"""A made-up fleet: a hundred numbers of each host, night after night, as sweeps leave them in a database.

Mostly level with noise, many constant or with a weekly cycle, some that rotate or step, few that rise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.databases import settle
from fleet_collector import store
from fleet_collector.metrics import Sample
from fleet_collector.record import Record
from fleet_collector.store.bulk import insert_new
from fleet_collector.tables import SAMPLE

Floats = NDArray[np.float64]

DAY_MS = 86_400_000
TONIGHT = (time.time_ns() // 1_000_000) // DAY_MS * DAY_MS
GIB = float(2**30)

# What a host leaves of a night: metric, labels, size of its numbers. A hundred series.
SERIES: tuple[tuple[str, int, float], ...] = (
    ("disk_used_bytes", 5, 40 * GIB),
    ("disk_size_bytes", 5, 0.0),
    ("inodes_used_percent", 5, 20.0),
    ("log_bytes", 8, GIB),
    ("process_rss_bytes", 15, 0.5 * GIB),
    ("process_threads", 15, 40.0),
    ("process_fds", 15, 120.0),
    ("process_fds_limit", 15, 0.0),
    ("mem_available_bytes", 1, 8 * GIB),
    ("mem_total_bytes", 1, 0.0),
    ("cpu_percent", 1, 20.0),
    ("cpu_iowait_percent", 1, 3.0),
    ("load15", 1, 2.0),
    ("processes", 1, 300.0),
    ("threads", 1, 900.0),
    ("threads_max", 1, 0.0),
    ("open_files", 1, 5000.0),
    ("established", 1, 200.0),
    ("time_wait", 1, 150.0),
    ("local_ports", 1, 0.0),
    ("close_wait", 1, 4.0),
    ("zombies", 1, 1.0),
    ("conntrack", 1, 900.0),
    ("conntrack_max", 1, 0.0),
    ("uptime_seconds", 1, 0.0),
)
PER_HOST = sum(count for _, count, _ in SERIES)
LIMITS = {
    "disk_size_bytes": 100 * GIB,
    "process_fds_limit": 1024.0,
    "mem_total_bytes": 16 * GIB,
    "local_ports": 28232.0,
}


def _level(rng: np.random.Generator, days: Floats) -> Floats:
    return 1.0 + rng.uniform(0.005, 0.08) * rng.normal(size=days.size)


def _constant(_rng: np.random.Generator, days: Floats) -> Floats:
    return np.ones(days.size)


def _counts(rng: np.random.Generator, days: Floats) -> Floats:
    mean = rng.uniform(3.0, 80.0)
    return np.asarray(rng.poisson(mean, days.size) / mean)


def _weekly(rng: np.random.Generator, days: Floats) -> Floats:
    return np.asarray(1.0 + 0.2 * ((days + 3) % 7 >= 5) + 0.03 * rng.normal(size=days.size))


def _rotates(rng: np.random.Generator, days: Floats) -> Floats:
    period = float(rng.integers(5, 15))
    return np.asarray((days + rng.integers(0, 14)) % period / period + 0.02 * rng.random(days.size))


def _wanders(rng: np.random.Generator, days: Floats) -> Floats:
    kicks, values = rng.normal(size=days.size), np.zeros(days.size)
    for day in range(1, days.size):
        values[day] = 0.6 * values[day - 1] + kicks[day]
    return 1.0 + 0.05 * values


def _steps(rng: np.random.Generator, days: Floats) -> Floats:
    noise = 0.02 * rng.normal(size=days.size)
    return np.asarray(1.0 + 0.3 * (days >= rng.random() * days[-1]) + noise)


def _rises(rng: np.random.Generator, days: Floats) -> Floats:
    return np.asarray(1.0 + rng.uniform(0.004, 0.03) * days + 0.02 * rng.normal(size=days.size))


KINDS: tuple[tuple[float, Callable[[np.random.Generator, Floats], Floats]], ...] = (
    (0.35, _level),
    (0.25, _constant),
    (0.15, _counts),
    (0.12, _weekly),
    (0.05, _rotates),
    (0.05, _wanders),
    (0.025, _steps),
    (0.005, _rises),
)


def fill(database: store.Database, hosts: int, nights: int) -> None:
    """Make the fleet with one real sweep, the nights before it as sweeps leave them."""
    names = [f"host{number:04d}" for number in range(hosts)]
    rng = np.random.default_rng(1)
    days = np.arange(nights, dtype=np.float64)
    share = np.cumsum([share for share, _ in KINDS])
    values = np.empty((hosts * PER_HOST, nights))
    keys = [(metric, label, scale) for metric, count, scale in SERIES for label in _labels(metric, count)]
    for row in range(len(values)):
        metric, _, scale = keys[row % PER_HOST]
        kind = KINDS[int(np.searchsorted(share, rng.random() * share[-1]))][1]
        values[row] = scale * kind(rng, days) if scale else LIMITS.get(metric, 1e6)
    sweep(database, names, [(metric, label) for metric, label, _ in keys], values[:, -1])
    numbers = {(key.host, key.metric, key.label): key.id for key in store.series(database)}
    order = [numbers[name, metric, label] for name in names for metric, label, _ in keys]
    for night in range(nights - 1):
        at = TONIGHT - (nights - 1 - night) * DAY_MS
        rows = [(number, at, value) for number, value in zip(order, values[:, night].tolist(), strict=True)]
        _insert(database, rows)
    settle(database)


def _labels(metric: str, count: int) -> Iterable[str]:
    if count == 1:
        return [""]
    return (
        (f"/data{n}" for n in range(count))
        if metric.startswith(("disk", "inodes"))
        else (f"/data0/name{n}" if metric == "log_bytes" else f"name{n}" for n in range(count))
    )


def sweep(
    database: store.Database, names: Sequence[str], keys: Sequence[tuple[str, str]], values: Floats
) -> None:
    """Store tonight's sweep: metric and label of each host's numbers, and the values host by host."""
    number = store.begin_sweep(database, asked="bench", hosts=names, started_at=TONIGHT)
    with store.Writer(database, number) as writer:
        for name, own in zip(names, values.reshape(len(names), len(keys)).tolist(), strict=True):
            samples = [Sample(metric, label, value) for (metric, label), value in zip(keys, own, strict=True)]
            writer.add(Record(host=name, sweep_id=number, taken_at=TONIGHT, status="ok", samples=samples))
    store.finish_sweep(database, number)


def _insert(database: store.Database, rows: list[tuple[int, int, float]]) -> None:
    with database.writing() as connection:
        insert_new(connection, SAMPLE, ("series_id", "at", "value"), sorted(rows))
