"""What storing costs: CPU for a host saved, bytes for a sample kept, time to read one history or a fleet.

    python -m bench.store [--samples 5000000] [--hosts 1000] [--metrics 150]

Each database gets nights of samples as nightly sweeps leave them, then the last nights are saved as real
sweeps are. CPU is that of this process (PostgreSQL's own processes are not counted); times are wall clock.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from contextlib import AbstractContextManager

import msgspec
from rich.console import Console
from rich.table import Table

from bench.databases import Address, databases
from fleet_collector import store
from fleet_collector.findings.finding import Finding
from fleet_collector.metrics import Sample
from fleet_collector.record import Record
from fleet_collector.snapshot import Snapshot
from fleet_collector.store.bulk import insert_new
from fleet_collector.tables import SAMPLE

NIGHT_MS = 86_400_000
START = 1_700_000_000_000
BATCH = 100
FINDINGS = [
    Finding(
        rule=f"disk.rule{n}", step="disk", severity="warning", subject="/var", message="/var is filling up"
    )
    for n in range(3)
]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=5_000_000)
    parser.add_argument("--hosts", type=int, default=1_000)
    parser.add_argument("--metrics", type=int, default=150)
    arguments = parser.parse_args()
    table = Table("", *(name for name, _ in databases()))
    columns = [
        _measure(address, arguments.samples, arguments.hosts, arguments.metrics) for _, address in databases()
    ]
    for name, *values in zip(columns[0], *(column.values() for column in columns), strict=True):
        table.add_row(name, *values)
    Console().print(table)


def _measure(
    address: AbstractContextManager[Address], samples: int, hosts: int, metrics: int
) -> dict[str, str]:
    snapshot = _snapshot()
    nights = max(samples // (hosts * metrics), 3)
    with address as opened, store.connect(opened.url) as database:
        first = _sweep(database, 0, hosts, metrics, snapshot)
        second = _sweep(database, 1, hosts, metrics, snapshot)
        _fill(database, nights, metrics * hosts)
        last = _sweep(database, nights, hosts, metrics, snapshot)
        if not database.is_sqlite:
            with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
        told = store.stats(database)
        kept = (nights + 1) * hosts * metrics
        return {
            "CPU ms a host: first sweep": f"{first:.2f}",
            "CPU ms a host: second sweep": f"{second:.2f}",
            f"CPU ms a host: after {nights} nights": f"{last:.2f}",
            "samples": f"{kept:,}",
            "bytes a sample": f"{(told.sample_bytes or 0) / kept:.1f}",
            "bytes a snapshot": f"{(told.snapshot_bytes or 0) / told.snapshots:,.0f}",
            **_reading(opened.url, hosts),
        }


def _reading(url: str, hosts: int) -> dict[str, str]:
    with store.connect(url) as database:
        keys = store.series(database, ["host0007"], ["metric007"])
        times = [_milliseconds(lambda: list(store.histories(database, [keys[0].id]))) for _ in range(5)]
        everyone = [f"host{n:04d}" for n in range(hosts)]
        begin = time.process_time()
        summaries = store.hosts(database, everyone)
        summarised = time.process_time() - begin
        found = store.snapshots(database, [host.last.id for host in summaries])
        decoded = time.process_time() - begin
        begin = time.process_time()
        points = sum(len(history.at) for history in store.histories(database, range(1, 20_001)))
        bulk = time.process_time() - begin
    return {
        "one history, first, ms": f"{times[0]:.1f}",
        "one history, then, ms": f"{min(times):.1f}",
        f"hosts() of {hosts}, s CPU": f"{summarised:.2f}",
        f"and {len(found)} snapshots, s CPU": f"{decoded:.2f}",
        "histories(), CPU s a million points": f"{bulk / points * 1e6:.2f}",
    }


def _milliseconds(work: object) -> float:
    assert callable(work)
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


def _sweep(database: store.Database, night: int, hosts: int, metrics: int, snapshot: Snapshot) -> float:
    """Save one real sweep and return the CPU milliseconds a host."""
    names = [f"host{n:04d}" for n in range(hosts)]
    number = store.begin_sweep(database, asked="bench", hosts=names, started_at=START + night * NIGHT_MS)
    records = [
        Record(
            host=name,
            sweep_id=number,
            taken_at=START + night * NIGHT_MS,
            status="ok",
            snapshot=snapshot,
            samples=[Sample(f"metric{n:03d}", "", _value(n)) for n in range(metrics)],
            findings=FINDINGS,
            duration_ms=1234.5,
        )
        for name in names
    ]
    begin = time.process_time()
    with store.Writer(database, number, at_most=BATCH) as writer:
        for record in records:
            writer.add(record)
    spent = time.process_time() - begin
    assert writer.stored == hosts, writer.trouble
    store.finish_sweep(database, number)
    return spent * 1000 / hosts


def _fill(database: store.Database, nights: int, series: int) -> None:
    """Lay down the nights between the second and the last, one after the other, as sweeps do."""
    for night in range(2, nights):
        at = START + night * NIGHT_MS
        with database.writing() as connection:
            rows = [(number + 1, at, _value(number)) for number in range(series)]
            insert_new(connection, SAMPLE, ("series_id", "at", "value"), rows)


def _value(number: int) -> float:
    """Return a number as snapshots have them: counts, sizes in pages, shares."""
    match number % 3:
        case 0:
            return float(random.randrange(5000))
        case 1:
            return float(random.randrange(2**28) * 4096)
    return random.uniform(0.0, 100.0)


def _snapshot() -> Snapshot:
    """Return this machine's own snapshot."""
    command = [sys.executable, "-m", "fleet_agent"]
    answer = subprocess.run(command, check=True, capture_output=True).stdout
    return msgspec.json.decode(answer, type=Snapshot)


if __name__ == "__main__":
    main()
