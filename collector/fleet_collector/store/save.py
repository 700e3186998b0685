"""Saving scans: as many as one likes in one transaction, and each as often as one likes.

The order of the tables, and of the rows within each, is always the same, so that two sweeps that save into
one database at once wait for each other but never lock each other out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from fleet_collector.record import Record
from fleet_collector.store.bulk import Row, insert_new, plain_rows
from fleet_collector.store.database import Database
from fleet_collector.store.parcel import Parcel, pack
from fleet_collector.tables import FINDING, HOST, SAMPLE, SCAN, SERIES, SNAPSHOT

# Saving shares this lock of PostgreSQL, pruning takes it alone: a series must not go while samples come.
CATALOG_LOCK = 0x666C65742D636174

_SCAN = (
    "host_id",
    "sweep_id",
    "taken_at",
    "status",
    "severity",
    "failure_kind",
    "failure_stage",
    "failure_message",
    "failure_hint",
    "duration_ms",
    "clock_offset_seconds",
    "address",
    "groups",
    "samples",
    "thinned",
)
_FINDING = ("scan_id", "position", "rule", "step", "severity", "subject", "message", "evidence", "next")


def save(database: Database, records: Iterable[Record]) -> None:
    """Store scans, all or none; one that is already there (same host, time and sweep) changes nothing."""
    save_parcels(database, pack(records))


def save_parcels(database: Database, parcels: Sequence[Parcel]) -> None:
    """Store packed scans, all or none."""
    if not parcels:
        return
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock_shared(%s)", (CATALOG_LOCK,))
        hosts = _hosts(connection, parcels)
        scans = _scans(connection, parcels, hosts)
        _attach(connection, parcels, scans)
        _samples(connection, parcels, hosts)


def _hosts(connection: Connection, parcels: Sequence[Parcel]) -> dict[str, int]:
    names = sorted({parcel.host for parcel in parcels})
    query = select(HOST.c.name, HOST.c.id).where(HOST.c.name.in_(names))
    known = {row.name: row.id for row in connection.execute(query)}
    if len(known) < len(names):
        insert_new(connection, HOST, ("name",), [(name,) for name in names if name not in known])
        known = {row.name: row.id for row in connection.execute(query)}
    return known


def _scans(connection: Connection, parcels: Sequence[Parcel], hosts: dict[str, int]) -> list[int]:
    """Insert what is new of the scans and return the number of each."""
    keys = [(hosts[parcel.host], parcel.taken_at, parcel.sweep_id) for parcel in parcels]
    rows = sorted(
        (_scan(hosts[parcel.host], parcel) for parcel in parcels), key=lambda row: (row[0], row[2], row[1])
    )
    insert_new(connection, SCAN, _SCAN, rows)
    times = [at for _, at, _ in keys]
    query = select(SCAN.c.host_id, SCAN.c.taken_at, SCAN.c.sweep_id, SCAN.c.id).where(
        SCAN.c.host_id.in_(sorted({host for host, _, _ in keys})),
        SCAN.c.taken_at.between(min(times), max(times)),
    )
    found = {(host, at, sweep): scan for host, at, sweep, scan in connection.execute(query)}
    return [found[key] for key in keys]


def _scan(host_id: int, parcel: Parcel) -> Row:
    return (
        host_id,
        parcel.sweep_id,
        parcel.taken_at,
        parcel.status,
        parcel.severity,
        *parcel.failure,
        parcel.duration_ms,
        parcel.clock_offset_seconds,
        parcel.address,
        parcel.groups,
        len(parcel.samples),
        False,
    )


def _attach(connection: Connection, parcels: Sequence[Parcel], scans: list[int]) -> None:
    numbered = sorted(zip(scans, parcels, strict=True), key=lambda pair: pair[0])
    insert_new(
        connection,
        SNAPSHOT,
        ("scan_id", "schema", "content", "glimpse"),
        [
            (scan, parcel.schema, parcel.content, parcel.glimpse)
            for scan, parcel in numbered
            if parcel.content is not None
        ],
    )
    insert_new(
        connection,
        FINDING,
        _FINDING,
        [(scan, place, *row) for scan, parcel in numbered for place, row in enumerate(parcel.findings)],
    )


def _samples(connection: Connection, parcels: Sequence[Parcel], hosts: dict[str, int]) -> None:
    wanted = [
        ((hosts[parcel.host], metric, label), parcel.taken_at, value)
        for parcel in parcels
        for metric, label, value in parcel.samples
    ]
    series = _series(connection, {key for key, _, _ in wanted})
    rows = sorted((series[key], at, value) for key, at, value in wanted)
    insert_new(connection, SAMPLE, ("series_id", "at", "value"), rows)


def _series(connection: Connection, keys: set[tuple[int, str, str]]) -> dict[tuple[int, str, str], int]:
    query = select(SERIES.c.host_id, SERIES.c.metric, SERIES.c.label, SERIES.c.id).where(
        SERIES.c.host_id.in_(sorted({host for host, _, _ in keys}))
    )
    known = {(host, metric, label): number for host, metric, label, number in plain_rows(connection, query)}
    missing = sorted(keys - known.keys())
    if missing:
        insert_new(connection, SERIES, ("host_id", "metric", "label"), missing)
        known = {
            (host, metric, label): number for host, metric, label, number in plain_rows(connection, query)
        }
    return known
