"""How long what is kept: everything of the last days, then one scan a day, then nothing.

Thinning goes by scans, since samples and snapshots belong to them: of each host's day the first scan with an
answer stays whole; of the others the row stays with its outcome and findings, so that failures keep their
story, and snapshot and samples go. Work is done in small transactions and is bounded by the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from msgspec import Meta, Struct
from sqlalchemy import Connection, delete, exists, func, select, text, update

from fleet_collector.store import Database, now_ms
from fleet_collector.store.bulk import delete_samples
from fleet_collector.store.save import CATALOG_LOCK
from fleet_collector.tables import FINDING, FORECAST, HOST, SAMPLE, SCAN, SERIES, SNAPSHOT, SWEEP

DAY_MS = 86_400_000
AT_ONCE = 200  # scans in one transaction: 30,000 samples, about a tenth of a second
PAGES_AT_ONCE = 5_000  # of SQLite's free pages given back to the file system

Days = Annotated[float, Meta(gt=0, le=36_500)]


class Retention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days for which every scan is kept, and days for which one a day is kept."""

    all_days: Days = 14.0
    daily_days: Days = 730.0

    def __post_init__(self) -> None:
        """Refuse to keep all of what is gone already."""
        if self.daily_days < self.all_days:
            raise ValueError(f"daily_days ({self.daily_days:g}) is less than all_days ({self.all_days:g})")


class Pruned(Struct, frozen=True, kw_only=True):
    """What was removed; ``more`` if the bound was reached before the work was done."""

    thinned: int = 0
    expired: int = 0
    samples: int = 0
    more: bool = False


def prune(
    database: Database, retention: Retention | None = None, *, now: int | None = None, at_most: int = 2_000
) -> Pruned:
    """Thin and expire at most so many scans (about), oldest first; call again while ``more``."""
    kept = retention or Retention()
    at = now_ms() if now is None else now
    expired = _repeat(database, _expire, at - int(kept.daily_days * DAY_MS), at_most)
    thinned = _repeat(database, _thin, at - int(kept.all_days * DAY_MS), at_most)
    if database.is_sqlite and expired.samples + thinned.samples:
        _give_back(database)
    return Pruned(
        thinned=thinned.removed,
        expired=expired.removed,
        samples=expired.samples + thinned.samples,
        more=expired.looked_at >= at_most or thinned.looked_at >= at_most,
    )


def _give_back(database: Database) -> None:
    """Shorten the file by pages that are free.

    Each step of this statement frees one page and returns no row; of the driver's methods only executescript
    steps on to the end, and it begins its own transaction.
    """
    with database.door(), database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.executescript(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE});")


class _Done(NamedTuple):
    """Scans looked at, scans that lost something, and samples removed."""

    looked_at: int
    removed: int
    samples: int


def _repeat(
    database: Database, step: Callable[[Connection, int, int], _Done], before: int, at_most: int
) -> _Done:
    total = _Done(0, 0, 0)
    while total.looked_at < at_most:
        asked = min(AT_ONCE, at_most - total.looked_at)
        with database.writing() as connection:
            if not database.is_sqlite:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (CATALOG_LOCK,))
            done = step(connection, before, asked)
        total = _Done(*(old + new for old, new in zip(total, done, strict=True)))
        if done.looked_at < asked:
            break
    return total


def _thin(connection: Connection, before: int, at_most: int) -> _Done:
    first = SCAN.alias()
    day = SCAN.c.taken_at - SCAN.c.taken_at % DAY_MS
    kept = (
        select(func.min(first.c.taken_at))
        .where(
            first.c.host_id == SCAN.c.host_id,
            first.c.samples > 0,
            first.c.taken_at >= day,
            first.c.taken_at < day + DAY_MS,
        )
        .correlate(SCAN)
        .scalar_subquery()
    )
    query = select(SCAN.c.id, SCAN.c.host_id, SCAN.c.taken_at, SCAN.c.samples, kept.label("kept"))
    # To the letter the condition of the index: SQLite takes no other form of it for the same.
    due = query.where(text("NOT scan.thinned"), SCAN.c.taken_at < before)
    due = due.order_by(SCAN.c.taken_at).limit(at_most)
    scans = connection.execute(due).all()
    dropped = [scan for scan in scans if scan.samples and scan.taken_at > scan.kept]
    samples = _drop_samples(connection, [(scan.host_id, scan.taken_at) for scan in dropped])
    ids = [scan.id for scan in dropped]
    connection.execute(delete(SNAPSHOT).where(SNAPSHOT.c.scan_id.in_(ids)))
    connection.execute(update(SCAN).where(SCAN.c.id.in_(ids)).values(samples=0))
    connection.execute(update(SCAN).where(SCAN.c.id.in_([scan.id for scan in scans])).values(thinned=True))
    return _Done(len(scans), len(dropped), samples)


def _expire(connection: Connection, before: int, at_most: int) -> _Done:
    query = select(SCAN.c.id, SCAN.c.host_id, SCAN.c.sweep_id, SCAN.c.taken_at).where(
        SCAN.c.taken_at < before
    )
    scans = connection.execute(query.order_by(SCAN.c.taken_at).limit(at_most)).all()
    samples = _drop_samples(connection, [(scan.host_id, scan.taken_at) for scan in scans])
    ids = [scan.id for scan in scans]
    for table in (SNAPSHOT, FINDING):
        connection.execute(delete(table).where(table.c.scan_id.in_(ids)))
    connection.execute(delete(SCAN).where(SCAN.c.id.in_(ids)))
    connection.execute(delete(FORECAST).where(FORECAST.c.made_at < before))
    _drop_empty(connection, {scan.host_id for scan in scans}, {scan.sweep_id for scan in scans})
    return _Done(len(scans), len(scans), samples)


def _drop_samples(connection: Connection, scans: list[tuple[int, int]]) -> int:
    """Remove the samples of scans, given by host and time."""
    if not scans:
        return 0
    series: dict[int, list[int]] = {}
    hosts = sorted({host for host, _ in scans})
    for host, number in connection.execute(
        select(SERIES.c.host_id, SERIES.c.id).where(SERIES.c.host_id.in_(hosts))
    ):
        series.setdefault(host, []).append(number)
    keys = sorted((number, at) for host, at in scans for number in series.get(host, ()))
    return delete_samples(connection, keys)


def _drop_empty(connection: Connection, hosts: set[int], sweeps: set[int]) -> None:
    """Remove series, hosts and sweeps that nothing is left of."""
    has_samples = exists().where(SAMPLE.c.series_id == SERIES.c.id)
    connection.execute(delete(SERIES).where(SERIES.c.host_id.in_(hosts), ~has_samples))
    has_scans, has_series = (
        exists().where(SCAN.c.host_id == HOST.c.id),
        exists().where(SERIES.c.host_id == HOST.c.id),
    )
    connection.execute(delete(HOST).where(HOST.c.id.in_(hosts), ~has_scans, ~has_series))
    swept = exists().where(SCAN.c.sweep_id == SWEEP.c.id)
    connection.execute(delete(SWEEP).where(SWEEP.c.id.in_(sweeps), SWEEP.c.status != "running", ~swept))
