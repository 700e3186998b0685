"""Sweeps: each run over many hosts, from its beginning to its end or its interruption.

While a sweep runs its row holds the names of its hosts, so that a second one over the same hosts is told.
This lock needs no releasing: it counts for as long as its owner lives (see ``owner``).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Literal

import zstandard
from msgspec import Struct
from sqlalchemy import Connection, func, insert, select, update

from fleet_collector.errors import SweepRunning
from fleet_collector.store.database import Database
from fleet_collector.store.owner import lives, this_process
from fleet_collector.tables import SCAN, SWEEP
from fleet_collector.wording import duration

_BEGIN_LOCK = 0x666C65742D737770  # of PostgreSQL: beginning sweeps look at each other one after the other
_DAY_MS = 86_400_000
_LARGEST_NAMES_BYTES = 32 * 1024 * 1024


class SweepSummary(Struct, frozen=True, kw_only=True):
    """A sweep as stored; times in ms since the epoch."""

    id: int
    started_at: int
    finished_at: int | None
    status: Literal["running", "finished", "interrupted"]
    asked: str
    hosts: int
    ok: int
    partial: int
    failed: int


def now_ms() -> int:
    """Return the time in ms since the epoch, UTC."""
    return time.time_ns() // 1_000_000


def begin_sweep(
    database: Database,
    *,
    asked: str,
    hosts: Collection[str],
    started_at: int | None = None,
    alone: bool = True,
) -> int:
    """Note that this process asks these hosts; return the sweep's number.

    Sweeps whose owner has died are marked interrupted on the way. With ``alone``, raises SweepRunning while
    another such sweep asks one of the hosts.
    """
    row = {
        "started_at": now_ms() if started_at is None else started_at,
        "status": "running",
        "asked": asked,
        "owner": this_process(),
        "targets": zstandard.compress("\n".join(hosts).encode()) if alone else None,
        "hosts": len(hosts),
    }
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_BEGIN_LOCK,))
        _bury(connection)
        row["heartbeat_at"] = _clock(connection)
        if alone:
            _refuse_overlap(connection, set(hosts))
        return int(connection.execute(insert(SWEEP).values(**row).returning(SWEEP.c.id)).scalar_one())


def finish_sweep(
    database: Database, sweep_id: int, *, interrupted: bool = False, finished_at: int | None = None
) -> SweepSummary:
    """Count a sweep's scans, mark it finished or interrupted, and return it."""
    at = now_ms() if finished_at is None else finished_at
    with database.writing() as connection:
        _close(connection, sweep_id, "interrupted" if interrupted else "finished", at)
    return sweep(database, sweep_id)


def beat(database: Database, sweep_id: int) -> None:
    """Say that a sweep still runs; ``Writer`` does it for every sweep that has something to store."""
    with database.writing() as connection:
        connection.execute(
            update(SWEEP).where(SWEEP.c.id == sweep_id).values(heartbeat_at=_clock(connection))
        )


def mark_interrupted(database: Database) -> list[int]:
    """Mark the running sweeps whose owner has died, and return their numbers."""
    with database.writing() as connection:
        return _bury(connection)


def sweep(database: Database, sweep_id: int) -> SweepSummary:
    """Return one sweep; raise KeyError if there is none of this number."""
    found = sweeps(database, sweep_id=sweep_id)
    if not found:
        raise KeyError(sweep_id)
    return found[0]


def sweeps(database: Database, *, sweep_id: int | None = None, at_most: int = 100) -> list[SweepSummary]:
    """Return the last sweeps, newest first."""
    columns = [SWEEP.c[name] for name in SweepSummary.__struct_fields__]
    query = select(*columns).order_by(SWEEP.c.started_at.desc(), SWEEP.c.id.desc()).limit(at_most)
    if sweep_id is not None:
        query = query.where(SWEEP.c.id == sweep_id)
    with database.reading() as connection:
        return [SweepSummary(**row) for row in connection.execute(query).mappings()]


def days(database: Database, *, at_most: int = 50) -> list[float]:
    """Return when the first sweep of each of the last days began, in seconds since the epoch, in order."""
    first = func.min(SWEEP.c.started_at)
    query = select(first).group_by(SWEEP.c.started_at // _DAY_MS).order_by(first.desc()).limit(at_most)
    with database.reading() as connection:
        return [at / 1000 for at in reversed(connection.execute(query).scalars().all())]


def recount(connection: Connection, sweep_ids: Sequence[int]) -> None:
    """Count the scans of sweeps anew, after some have come late."""
    for sweep_id in sweep_ids:
        connection.execute(
            update(SWEEP).where(SWEEP.c.id == sweep_id).values(**_counts(connection, sweep_id))
        )


def _refuse_overlap(connection: Connection, hosts: set[str]) -> None:
    running = select(SWEEP.c.id, SWEEP.c.started_at, SWEEP.c.targets).where(
        SWEEP.c.status == "running", SWEEP.c.targets.is_not(None)
    )
    for row in connection.execute(running):
        names = zstandard.ZstdDecompressor().decompress(row.targets, max_output_size=_LARGEST_NAMES_BYTES)
        shared = sorted(hosts.intersection(names.decode().split("\n")))
        if shared:
            more = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
            since = duration(max(now_ms() - row.started_at, 0) / 1000)
            raise SweepRunning(f"sweep {row.id}, begun {since} ago, is still asking {shared[0]}{more}")


def _bury(connection: Connection) -> list[int]:
    running = select(SWEEP.c.id, SWEEP.c.owner, SWEEP.c.heartbeat_at).where(SWEEP.c.status == "running")
    now = _clock(connection)
    dead = [
        (row.id, row.heartbeat_at)
        for row in connection.execute(running).all()
        if not lives(row.owner, (now - row.heartbeat_at) / 1000)
    ]
    for sweep_id, last_beat in dead:
        _close(connection, sweep_id, "interrupted", last_beat)
    return [sweep_id for sweep_id, _ in dead]


def _clock(connection: Connection) -> int:
    """Return the time by which hearts beat: of a server its own, as its users' clocks may differ."""
    if connection.dialect.name == "sqlite":
        return now_ms()
    query = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    return int(connection.exec_driver_sql(query).scalar_one())


def _close(connection: Connection, sweep_id: int, status: str, at: int) -> None:
    values = {"status": status, "finished_at": at, "targets": None, **_counts(connection, sweep_id)}
    connection.execute(update(SWEEP).where(SWEEP.c.id == sweep_id).values(values))


def _counts(connection: Connection, sweep_id: int) -> dict[str, int]:
    query = select(SCAN.c.status, func.count()).where(SCAN.c.sweep_id == sweep_id).group_by(SCAN.c.status)
    found = {row[0]: row[1] for row in connection.execute(query)}
    return {name: found.get(name, 0) for name in ("ok", "partial", "failed")}
