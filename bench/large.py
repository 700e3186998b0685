"""``fleet history`` in a database of many samples: its time beyond that in one of a single night.

A thousand hosts of a hundred series each, two years of scans. The last tenth comes after the rest and, on
PostgreSQL, is not vacuumed, as the nights since the last autovacuum are not.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sqlalchemy

from bench.databases import Address, settle
from bench.nights import DAY_MS, KINDS, TONIGHT, Floats, sweep
from fleet_cli.histories import GLANCE
from fleet_collector import store

HOSTS = 1_000
DAYS = 730
RUNS = 9
HOST = "host0500"
SEEN = [f"host{number:04d}" for number in range(500, 510)]  # of the database of a single night
MOUNTS = ("/", "/boot", "/home", "/srv", "/var")
KEYS = [(metric, label) for metric in GLANCE for label in (MOUNTS if metric.startswith("disk") else ("",))]
KEYS += [("process_rss_bytes", f"name{number}") for number in range(100 - len(KEYS))]
COMMANDS: dict[str, tuple[str, ...]] = {
    "at a glance": (HOST,),
    "one metric": (HOST, "--metric", "time_wait"),
    "at a glance, cold": (HOST,),
    "one metric, cold": (HOST, "--metric", "time_wait"),
    "at a glance, 30 days": (HOST, "--since", "30d"),
    "one metric, 30 days": (HOST, "--metric", "time_wait", "--since", "30d"),
    "one metric, plotted": (HOST, "--metric", "time_wait", "--plot"),
    "one metric of ten hosts": ("host[0500-0509]", "--metric", "time_wait"),
}


class Spent(NamedTuple):
    """Seconds of a command: wall clock, and CPU of its process."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s ({self.cpu:.2f} s)"


def large(
    many: AbstractContextManager[Address], few: AbstractContextManager[Address], samples: int
) -> dict[str, str]:
    """Fill one database with many samples, the other with one night, and time the commands on both."""
    with many as full, few as start:
        for address in (full, start):
            with store.connect(address.url) as database:
                sweep(database, SEEN, KEYS, np.ones(len(SEEN) * len(KEYS)))
                settle(database)
        with store.connect(full.url) as database:
            _fill(database, samples)
            told = store.stats(database)
        rows = {
            "samples in the large database": f"{told.samples:,}",
            "bytes a sample of the large database": f"{told.bytes_per_sample:.1f}",
        }
        for name, words in COMMANDS.items():
            rows[f"history beyond start-up, {name}"] = _beyond(full, start, words, cold=name.endswith("cold"))
    return rows


def _beyond(full: Address, start: Address, words: Sequence[str], *, cold: bool) -> str:
    """Time a command on both, in turns: what else this machine does falls on both alike."""
    runs: list[tuple[Spent, Spent]] = []
    for _ in range(RUNS):
        if cold:
            if full.cool is None or start.cool is None:
                return "not measured"
            full.cool()
            start.cool()
        runs.append((_timed(full.url, words), _timed(start.url, words)))
    of_full, of_start = (
        Spent(min(run.wall for run in side), min(run.cpu for run in side)) for side in zip(*runs, strict=True)
    )
    return f"{Spent(of_full.wall - of_start.wall, of_full.cpu - of_start.cpu)} after {of_start}"


def _timed(url: str, words: Sequence[str]) -> Spent:
    command = [str(Path(sys.executable).parent / "fleet"), "history", *words, "--db", url]
    spent, begin = _cpu_of_children(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return Spent(time.perf_counter() - begin, _cpu_of_children() - spent)


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _fill(database: store.Database, samples: int) -> None:
    """Give the other hosts their series, and all of them their past, at the same times."""
    names = [name for name in (f"host{number:04d}" for number in range(HOSTS)) if name not in SEEN]
    sweep(database, names, KEYS, np.ones(len(names) * len(KEYS)))
    numbers = [key.id for key in store.series(database)]
    each = max(samples // len(numbers), 10)
    _make_points(database, each)
    for part in ("<", ">="):
        _lay_down(database, sorted(numbers), f"point.place {part} {each * 9 // 10}")
        if part == "<":
            settle(database)
    with database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE point")


def _make_points(database: store.Database, each: int) -> None:
    """Keep one history of each kind in a table, from which the database itself makes all."""
    rng, days = np.random.default_rng(3), np.linspace(0.0, DAYS, each, endpoint=False)
    rows = [
        (number, place, TONIGHT - round((DAYS - day) * DAY_MS), value)
        for number, (_, kind) in enumerate(KINDS)
        for place, (day, value) in enumerate(zip(days.tolist(), _ends_at_one(kind(rng, days)), strict=True))
    ]
    columns = {"kind": "INTEGER", "place": "INTEGER", "at": "BIGINT", "value": "DOUBLE PRECISION"}
    table = sqlalchemy.table("point", *map(sqlalchemy.column, columns))
    with database.writing() as connection:
        definition = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        connection.exec_driver_sql(f"CREATE TABLE point ({definition}, PRIMARY KEY (kind, place))")
        connection.execute(table.insert(), [dict(zip(columns, row, strict=True)) for row in rows])


def _ends_at_one(values: Floats) -> list[float]:
    """As tonight's sweep goes on."""
    return list((values - values[-1] + 1.0).tolist())


def _lay_down(database: store.Database, numbers: list[int], chosen: str) -> None:
    """Insert the sweeps and scans of these points, and the samples, series after series."""
    with database.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO sweep (started_at, finished_at, status, asked, owner, heartbeat_at, hosts, ok, "
            "partial, failed) SELECT at, at, 'finished', 'bench', 'bench', at, 0, 0, 0, 0 "
            f"FROM point WHERE kind = 0 AND {chosen}"
        )
        connection.exec_driver_sql(
            "INSERT INTO scan (host_id, sweep_id, taken_at, status, severity, duration_ms, groups, samples, "
            f"thinned) SELECT host.id, sweep.id, sweep.started_at, 'ok', 'ok', 900, '', {len(KEYS)}, FALSE "
            "FROM point JOIN sweep ON sweep.started_at = point.at CROSS JOIN host "
            f"WHERE point.kind = 0 AND {chosen} ORDER BY point.at, host.id"
        )
    for first in range(0, len(numbers), 2_000):
        some = numbers[first : first + 2_000]
        statement = sqlalchemy.text(
            "INSERT INTO sample SELECT series.id, point.at, point.value "
            f"FROM series JOIN point ON point.kind = series.id % {len(KINDS)} "
            f"WHERE series.id BETWEEN {some[0]} AND {some[-1]} AND {chosen} ORDER BY series.id, point.at"
        )
        with database.writing() as connection:
            connection.execute(statement)
