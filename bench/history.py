"""What looking back costs: trends over a fleet, one history in a large database, forecasts after a sweep.

    python -m bench.history [--hosts 1000] [--nights 60] [--samples 2000000]

CPU stands in brackets behind the wall clock: that of fleet's process (PostgreSQL's own are not counted).
Beyond start-up: more than the same command takes on a database of one night, both the least of several runs
in turns. Cold: nothing of the database is in memory before; else it is warm.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from contextlib import AbstractContextManager

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: CPU time is that of one thread

from rich.console import Console
from rich.table import Table

from bench.databases import Address, databases
from bench.large import large
from bench.nights import DAY_MS, PER_HOST, TONIGHT, fill
from fleet_collector import foretelling, store
from fleet_collector.survey import survey


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, default=1_000, help="of the fleet; 0 leaves it out")
    parser.add_argument("--nights", type=int, default=60)
    parser.add_argument(
        "--samples", type=int, default=2_000_000, help="of the database whose histories are read; 100000000"
    )
    parser.add_argument("--on", choices=("SQLite", "PostgreSQL"), help="only this")
    arguments = parser.parse_args()
    columns: dict[str, dict[str, str]] = {name: {} for name, _ in databases() if arguments.on in {None, name}}
    for name, address in databases() if arguments.hosts else ():
        if name in columns:
            columns[name] |= _fleet(address, arguments.hosts, arguments.nights)
    for (name, address), (_, beside) in zip(databases(), databases(), strict=True):
        if name in columns:
            columns[name] |= large(address, beside, arguments.samples)
    table = Table("", *columns, "goal")
    for row in next(iter(columns.values())):
        table.add_row(row, *(column[row] for column in columns.values()), GOALS.get(row.split(",")[0], ""))
    Console(width=140).print(table)


GOALS = {
    "trends": "60 s",
    "forecasts after a sweep": "1 ms a host",
    "bytes a sample": "30 (SQLite)",
    "bytes a sample of the large database": "30 (SQLite)",
    "history beyond start-up": "0.3 s",
}


def _fleet(address: AbstractContextManager[Address], hosts: int, nights: int) -> dict[str, str]:
    with address as opened, store.connect(opened.url) as database:
        fill(database, hosts, nights)
        told = store.stats(database)
        names = store.host_names(database)
        begin = time.process_time()
        found = survey(database)
        surveyed = time.process_time() - begin
        begin = time.process_time()
        foretelling.foretell(database, names, TONIGHT + DAY_MS)
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


if __name__ == "__main__":
    main()
