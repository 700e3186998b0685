"""What looking back costs: trends over a fleet, one history in a large database, forecasts after a sweep.

    python -m bench.history [--hosts 1000] [--nights 60] [--samples 2000000]

CPU is that of this process (PostgreSQL's own processes are not counted). A fleet's series are as a fleet has
them: mostly level with noise, many constant or with a weekly cycle, some that rotate or step, few that rise.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: CPU time is that of one thread

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.databases import databases
from fleet_collector import foretelling, store
from fleet_collector.metrics import Sample
from fleet_collector.record import Record
from fleet_collector.store.bulk import insert_new
from fleet_collector.survey import survey
from fleet_collector.tables import Sample as SampleRow

Floats = NDArray[np.float64]

DAY_MS = 86_400_000
START = (time.time_ns() // 1_000_000) // DAY_MS * DAY_MS - 800 * DAY_MS
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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, default=1_000)
    parser.add_argument("--nights", type=int, default=60)
    parser.add_argument(
        "--samples", type=int, default=2_000_000, help="of the database whose histories are read; 100000000"
    )
    parser.add_argument("--on", choices=("SQLite", "PostgreSQL"), help="only this")
    arguments = parser.parse_args()
    columns: dict[str, dict[str, str]] = {}
    for name, address in databases():
        if arguments.on in {None, name}:
            columns[name] = _fleet(address, arguments.hosts, arguments.nights)
    for name, address in databases():
        if arguments.on in {None, name}:
            columns[name] |= _large(address, arguments.samples)
    table = Table("", *columns, "goal")
    for row in next(iter(columns.values())):
        table.add_row(row, *(column[row] for column in columns.values()), GOALS.get(row.split(",")[0], ""))
    Console(width=120).print(table)


GOALS = {
    "trends": "60 s",
    "forecasts after a sweep": "1 ms a host",
    "bytes a sample": "30 (SQLite)",
    "history beyond start-up (its CPU)": "0.3 s",
}


def _fleet(address: AbstractContextManager[str], hosts: int, nights: int) -> dict[str, str]:
    with address as url, store.connect(url) as database:
        _fill_nights(database, hosts, nights)
        told = store.stats(database)
        names = store.host_names(database)
        begin = time.process_time()
        found = survey(database)
        surveyed = time.process_time() - begin
        begin = time.process_time()
        foretelling.foretell(database, names, START + nights * DAY_MS)
        foretold = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        f"trends, {hosts:,} hosts x {nights} nights x {PER_HOST} series, CPU": f"{surveyed:.1f} s",
        "series looked at": f"{found.series:,}",
        "rising, to watch": f"{len(found.rising):,}, {len(found.watch):,}",
        "memory at the most": f"{peak:,.0f} MiB",
        "forecasts after a sweep, CPU": f"{1000 * foretold / hosts:.2f} ms a host",
        "bytes a sample": f"{(told.sample_bytes or 0) / (hosts * nights * PER_HOST):.1f}",
    }


def _fill_nights(database: store.Database, hosts: int, nights: int) -> None:
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
    _save_night(database, names, keys, values[:, -1], START + (nights - 1) * DAY_MS)
    numbers = {(key.host, key.metric, key.label): key.id for key in store.series(database)}
    order = [numbers[name, metric, label] for name in names for metric, label, _ in keys]
    for night in range(nights - 1):
        at = START + night * DAY_MS
        rows = [(number, at, value) for number, value in zip(order, values[:, night].tolist(), strict=True)]
        _insert(database, rows)
    _settle(database)


def _labels(metric: str, count: int) -> Iterable[str]:
    if count == 1:
        return [""]
    return (
        (f"/data{n}" for n in range(count))
        if metric.startswith(("disk", "inodes"))
        else (f"/data0/name{n}" if metric == "log_bytes" else f"name{n}" for n in range(count))
    )


def _save_night(
    database: store.Database, names: list[str], keys: list[tuple[str, str, float]], values: Floats, at: int
) -> None:
    number = store.begin_sweep(database, asked="bench", hosts=names, started_at=at)
    with store.Writer(database, number) as writer:
        for place, name in enumerate(names):
            own = values[place * PER_HOST : (place + 1) * PER_HOST].tolist()
            samples = [
                Sample(metric, label, value) for (metric, label, _), value in zip(keys, own, strict=True)
            ]
            writer.add(Record(host=name, sweep_id=number, taken_at=at, status="ok", samples=samples))
    store.finish_sweep(database, number)


def _insert(database: store.Database, rows: list[tuple[int, int, float]]) -> None:
    with database.writing() as connection:
        insert_new(connection, SampleRow.__table__, ("series_id", "at", "value"), sorted(rows))


def _settle(database: store.Database) -> None:
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _large(address: AbstractContextManager[str], samples: int) -> dict[str, str]:
    """Time ``fleet history`` in a database of so many samples, beside one of a few."""
    hosts, nights = 1_000, 730
    with address as url:
        with store.connect(url) as database:
            names = [f"host{number:04d}" for number in range(hosts)]
            keys = [(metric, label, 1.0) for metric, count, _ in SERIES for label in _labels(metric, count)]
            rng = np.random.default_rng(2)
            _save_night(database, names, keys, rng.random(hosts * PER_HOST), START + nights * DAY_MS)
            few = _seconds(url, "host0500")
            numbers = [key.id for key in store.series(database)]
            asked = [key.id for key in store.series(database, ["host0500"], ["time_wait"])]
            _fill_series(database, sorted(numbers), asked, samples)
            _settle(database)
        glance, one = _seconds(url, "host0500"), _seconds(url, "host0500", "--metric", "time_wait")
    told = f"history beyond start-up (its CPU), {samples:,} samples"
    return {
        f"{told}, at a glance": _beyond(glance, few),
        f"{told}, one metric": _beyond(one, few),
        "start-up: the same of a database with one night": f"{few[0]:.2f} s ({few[1]:.2f} s)",
    }


def _fill_series(database: store.Database, numbers: list[int], asked: list[int], samples: int) -> None:
    """Lay down series after series, every one with the same times."""
    each = max(samples // len(numbers), 1)
    step = 730 * DAY_MS // each
    times = [START + place * step for place in range(each)]
    values = np.random.default_rng(3).random(each).tolist()
    assert set(asked) <= set(numbers)
    for start in range(0, len(numbers), 2_000):
        some = numbers[start : start + 2_000]
        if database.is_sqlite:
            _insert(database, [(n, at, value) for n in some for at, value in zip(times, values, strict=True)])
        else:
            _copy(database, some, times, values)


def _copy(database: store.Database, numbers: list[int], times: list[int], values: list[float]) -> None:
    statement = (
        "INSERT INTO sample SELECT number, point.at, point.value FROM unnest(%s::int[]) AS number, "
        "unnest(%s::bigint[], %s::float8[]) AS point (at, value) ON CONFLICT DO NOTHING"
    )
    with database.writing() as connection:
        connection.exec_driver_sql(statement, (numbers, times, values))


def _seconds(url: str, *words: str) -> tuple[float, float]:
    """The best of five runs of ``fleet history``: wall clock and CPU of its process."""
    command = [str(Path(sys.executable).parent / "fleet"), "history", *words, "--db", url]
    wall, cpu = [], []
    for _ in range(5):
        spent, begin = _cpu_of_children(), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        wall.append(time.perf_counter() - begin)
        cpu.append(_cpu_of_children() - spent)
    return min(wall), min(cpu)


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _beyond(run: tuple[float, float], start: tuple[float, float]) -> str:
    return f"{run[0] - start[0]:.2f} s ({run[1] - start[1]:.2f} s)"


if __name__ == "__main__":
    main()
