"""Reading the past of hosts: a glimpse a day, and the last one before."""

from __future__ import annotations

from collections.abc import Iterable
from sqlalchemy import Select, and_, func, literal, select

from fleet_collector.errors import SnapshotError
from fleet_collector.findings.past import KEPT, Glimpse, Past
from fleet_collector.store.bulk import chunks
from fleet_collector.store.database import Database
from fleet_collector.store.parcel import unpack_glimpse
from fleet_collector.store.scans import AT_ONCE
from fleet_collector.tables import Host, Scan, Snapshot

DAY_MS = 86_400_000
RECENT_DAYS = 30  # enough for two weeks of nights with some of them missed


def pasts(database: Database, names: Iterable[str], before: int) -> dict[str, Past]:
    """Return what hosts were like before a time (ms): each day's last scan, oldest first, at most KEPT.

    A day counts once however often it was scanned, so that an hour of watching does not become a habit.
    Hosts that were never scanned are left out; a glimpse that cannot be read is passed over.
    """
    anchor = select(Host.id.label("host_id"), literal(before).label("before"))
    return _read(
        database, ((anchor.where(Host.name.in_(some))) for some in chunks(sorted(set(names)), AT_ONCE))
    )


def pasts_of(database: Database, scan_ids: Iterable[int]) -> dict[str, Past]:
    """Return what hosts were like before these scans, one of each host; as ``pasts`` otherwise."""
    anchor = select(Scan.host_id.label("host_id"), Scan.taken_at.label("before"))
    return _read(
        database, (anchor.where(Scan.id.in_(some)) for some in chunks(sorted(set(scan_ids)), AT_ONCE))
    )


def _read(database: Database, anchors: Iterable[Select[int, int]]) -> dict[str, Past]:
    found: dict[str, list[Glimpse]] = {}
    with database.reading() as connection:
        for anchor in anchors:
            for name, content in connection.execute(_glimpses(anchor)):
                try:
                    found.setdefault(name, []).append(unpack_glimpse(content))
                except SnapshotError:
                    continue
    return {name: Past(glimpses=tuple(glimpses[-KEPT:])) for name, glimpses in found.items() if glimpses}


def _glimpses(anchor: Select[int, int]) -> Select[str, bytes]:
    """Select name and glimpse of each day's last scan before the anchor (host_id, before) of its host."""
    of = anchor.subquery()
    last = (
        select(Scan.host_id, func.max(Scan.taken_at).label("taken_at"))
        .join(of, of.c.host_id == Scan.host_id)
        .where(
            Scan.taken_at < of.c.before,
            Scan.taken_at >= of.c.before - RECENT_DAYS * DAY_MS,
            Scan.samples > 0,
        )
        .group_by(Scan.host_id, Scan.taken_at - Scan.taken_at % DAY_MS)
        .subquery()
    )
    return (
        select(Host.name, Snapshot.glimpse)
        .join(Scan, Scan.host_id == Host.id)
        .join(last, and_(last.c.host_id == Scan.host_id, last.c.taken_at == Scan.taken_at))
        .join(Snapshot, Snapshot.scan_id == Scan.id)
        .order_by(Host.name, Scan.taken_at, Scan.sweep_id)
    )
