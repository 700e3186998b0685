"""How much is stored, and how much room it takes (``fleet db stats``)."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct
from sqlalchemy import Connection, Table, func, select
from sqlalchemy.exc import DBAPIError

from fleet_collector.store.database import Database
from fleet_collector.tables import FINDING, FORECAST, HOST, SAMPLE, SCAN, SERIES, SNAPSHOT, SWEEP


class Stats(Struct, frozen=True, kw_only=True):
    """Rows and bytes; None where a database does not tell. Times in ms since the epoch."""

    hosts: int
    sweeps: int
    scans: int
    snapshots: int
    findings: int
    series: int
    samples: int
    forecasts: int
    oldest_at: int | None
    newest_at: int | None
    total_bytes: int
    free_bytes: int | None
    sample_bytes: int | None
    snapshot_bytes: int | None

    @property
    def bytes_per_sample(self) -> float | None:
        """Room one sample takes on disk, index included."""
        return self.sample_bytes / self.samples if self.sample_bytes is not None and self.samples else None


def stats(database: Database) -> Stats:
    """Count rows and bytes; samples are counted by the scans that left them, not one by one."""
    with database.reading() as connection:
        counts = {
            name: _count(connection, table)
            for name, table in (
                ("hosts", HOST),
                ("sweeps", SWEEP),
                ("scans", SCAN),
                ("snapshots", SNAPSHOT),
                ("findings", FINDING),
                ("series", SERIES),
                ("forecasts", FORECAST),
            )
        }
        scanned = select(func.sum(SCAN.c.samples), func.min(SCAN.c.taken_at), func.max(SCAN.c.taken_at))
        samples, oldest, newest = connection.execute(scanned).one()
        total, free = _whole(connection, database.path)
        return Stats(
            **counts,
            samples=int(samples or 0),
            oldest_at=oldest,
            newest_at=newest,
            total_bytes=total,
            free_bytes=free,
            sample_bytes=_bytes(connection, SAMPLE),
            snapshot_bytes=_bytes(connection, SNAPSHOT),
        )


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _whole(connection: Connection, path: Path | None) -> tuple[int, int | None]:
    """Return the bytes of the whole database, its log included, and of pages that are free in it."""
    if path is None:
        size = connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()
        return int(size), None
    page = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    log = Path(f"{path}-wal")
    return page * pages + (log.stat().st_size if log.exists() else 0), page * free


def _bytes(connection: Connection, table: Table) -> int | None:
    """Return the bytes of a table with its indexes and overflow."""
    name = table.name
    if connection.dialect.name != "sqlite":
        size = connection.exec_driver_sql("SELECT pg_total_relation_size(%s::regclass)", (name,)).scalar_one()
        return int(size)
    try:
        # Page by page: in its aggregate a b-tree's bytes overflow at 2 GiB.
        query = "SELECT sum(pgsize) FROM dbstat WHERE name IN "
        query += "(SELECT name FROM sqlite_master WHERE tbl_name = ?)"
        return int(connection.exec_driver_sql(query, (name,)).scalar_one())
    except DBAPIError:  # an SQLite built without dbstat
        return None
