"""Reading the past of hosts: a glimpse a day, the last one before, and what was foretold by then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Select, and_, func, literal, select

from fleet_collector.errors import SnapshotError
from fleet_collector.findings.past import KEPT, Foretold, Glimpse, Past
from fleet_collector.store.bulk import chunks, plain_rows
from fleet_collector.store.database import Database
from fleet_collector.store.forecasts import A_DAY_MS
from fleet_collector.store.parcel import unpack_glimpse
from fleet_collector.store.scans import AT_ONCE
from fleet_collector.tables import FORECAST, HOST, SCAN, SERIES, SNAPSHOT

DAY_MS = 86_400_000
RECENT_DAYS = 30  # enough for two weeks of nights with some of them missed


def pasts(database: Database, names: Iterable[str], before: int) -> dict[str, Past]:
    """Return what hosts were like before a time (ms): each day's last scan, oldest first, at most KEPT.

    A day counts once however often it was scanned, so that an hour of watching does not become a habit.
    Hosts that were never scanned are left out; a glimpse that cannot be read is passed over. What is foretold
    of a host is what was so at its last scan.
    """
    wanted = sorted(set(names))
    anchor = select(HOST.c.id.label("host_id"), literal(before).label("before"))
    with database.reading() as connection:
        found = _read(connection, (anchor.where(HOST.c.name.in_(some)) for some in chunks(wanted, AT_ONCE)))
        last = {name: round(glimpses[-1].taken_at * 1000) for name, glimpses in found.items()}
        return _joined(found, _foretold(connection, last))


def pasts_of(database: Database, scan_ids: Iterable[int]) -> dict[str, Past]:
    """Return what hosts were like before these scans, one of each host; as ``pasts`` otherwise.

    What is foretold counts the samples of the scans themselves.
    """
    ids = sorted(set(scan_ids))
    anchor = select(SCAN.c.host_id.label("host_id"), SCAN.c.taken_at.label("before"))
    at = select(HOST.c.name, SCAN.c.taken_at).join(HOST, HOST.c.id == SCAN.c.host_id)
    with database.reading() as connection:
        found = _read(connection, (anchor.where(SCAN.c.id.in_(some)) for some in chunks(ids, AT_ONCE)))
        times = {
            name: taken_at
            for some in chunks(ids, AT_ONCE)
            for name, taken_at in plain_rows(connection, at.where(SCAN.c.id.in_(some)))
        }
        return _joined(found, _foretold(connection, times))


def _joined(glimpses: Mapping[str, list[Glimpse]], foretold: Mapping[str, list[Foretold]]) -> dict[str, Past]:
    return {
        name: Past(glimpses=tuple(glimpses.get(name, ())[-KEPT:]), foretold=tuple(foretold.get(name, ())))
        for name in glimpses.keys() | foretold.keys()
    }


def _read(connection: Connection, anchors: Iterable[Select[int, int]]) -> dict[str, list[Glimpse]]:
    found: dict[str, list[Glimpse]] = {}
    for anchor in anchors:
        for name, content in connection.execute(_glimpses(anchor)):
            try:
                found.setdefault(name, []).append(unpack_glimpse(content))
            except SnapshotError:
                continue
    return found


def _foretold(connection: Connection, at: Mapping[str, int]) -> dict[str, list[Foretold]]:
    """Return what was foretold of each host within the day up to its time (ms), the newest of a number."""
    if not at:
        return {}
    found: dict[str, dict[tuple[str, str], Foretold]] = {}
    query = _forecasts(min(at.values()) - A_DAY_MS, max(at.values()))
    for name, metric, label, made_at, *numbers in plain_rows(connection, query):
        if name in at and at[name] - A_DAY_MS < made_at <= at[name]:
            found.setdefault(name, {})[metric, label] = Foretold(
                metric=metric,
                label=label,
                made_at=made_at / 1000,
                value=numbers[0],
                limit=numbers[1],
                slope_per_day=numbers[2],
                confidence=numbers[3],
                low_days=numbers[4],
                high_days=numbers[5],
            )
    return {name: list(numbers.values()) for name, numbers in found.items()}


def _forecasts(since: int, until: int) -> Select[Any]:
    """Select what was foretold of all hosts in that time (ms) and has a limit and a date, oldest first."""
    return (
        select(
            HOST.c.name,
            SERIES.c.metric,
            SERIES.c.label,
            FORECAST.c.made_at,
            FORECAST.c.value,
            FORECAST.c.limit_value,
            FORECAST.c.slope_per_day,
            FORECAST.c.confidence,
            FORECAST.c.eta_low,
            FORECAST.c.eta_high,
        )
        .join(SERIES, SERIES.c.id == FORECAST.c.series_id)
        .join(HOST, HOST.c.id == SERIES.c.host_id)
        .where(
            FORECAST.c.made_at.between(since, until),
            FORECAST.c.limit_value.is_not(None),
            FORECAST.c.eta_low.is_not(None),
        )
        .order_by(FORECAST.c.made_at)
    )


def _glimpses(anchor: Select[int, int]) -> Select[str, bytes]:
    """Select name and glimpse of each day's last scan before the anchor (host_id, before) of its host."""
    of = anchor.subquery()
    last = (
        select(SCAN.c.host_id, func.max(SCAN.c.taken_at).label("taken_at"))
        .join(of, of.c.host_id == SCAN.c.host_id)
        .where(
            SCAN.c.taken_at < of.c.before,
            SCAN.c.taken_at >= of.c.before - RECENT_DAYS * DAY_MS,
            SCAN.c.samples > 0,
        )
        .group_by(SCAN.c.host_id, SCAN.c.taken_at - SCAN.c.taken_at % DAY_MS)
        .subquery()
    )
    return (
        select(HOST.c.name, SNAPSHOT.c.glimpse)
        .join(SCAN, SCAN.c.host_id == HOST.c.id)
        .join(last, and_(last.c.host_id == SCAN.c.host_id, last.c.taken_at == SCAN.c.taken_at))
        .join(SNAPSHOT, SNAPSHOT.c.scan_id == SCAN.c.id)
        .order_by(HOST.c.name, SCAN.c.taken_at, SCAN.c.sweep_id)
    )
