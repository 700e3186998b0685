"""Sweeps: each run over many hosts, from its beginning to its end or its interruption."""

from __future__ import annotations

import time
from typing import Literal

from msgspec import Struct
from sqlalchemy import Connection, func, insert, select, update

from fleet_collector.store.database import Database
from fleet_collector.store.owner import lives, this_process
from fleet_collector.tables import Scan, Sweep


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


def begin_sweep(database: Database, *, asked: str, hosts: int, started_at: int | None = None) -> int:
    """Note that this process sweeps ``hosts`` hosts; return the sweep's number.

    Sweeps whose owner has died are marked interrupted on the way.
    """
    at = now_ms() if started_at is None else started_at
    row = {"started_at": at, "status": "running", "asked": asked, "owner": this_process()}
    with database.writing() as connection:
        _bury(connection)
        made = insert(Sweep).values(**row, heartbeat_at=now_ms(), hosts=hosts).returning(Sweep.id)
        return connection.execute(made).scalar_one()


def finish_sweep(
    database: Database, sweep_id: int, *, interrupted: bool = False, finished_at: int | None = None
) -> SweepSummary:
    """Count a sweep's scans, mark it finished or interrupted, and return it."""
    at = now_ms() if finished_at is None else finished_at
    with database.writing() as connection:
        _close(connection, sweep_id, "interrupted" if interrupted else "finished", at)
    return sweep(database, sweep_id)


def beat(database: Database, sweep_id: int) -> None:
    """Say that a sweep still runs; needed at least every few minutes."""
    with database.writing() as connection:
        connection.execute(update(Sweep).where(Sweep.id == sweep_id).values(heartbeat_at=now_ms()))


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
    columns = [getattr(Sweep, name) for name in SweepSummary.__struct_fields__]
    query = select(*columns).order_by(Sweep.started_at.desc(), Sweep.id.desc()).limit(at_most)
    if sweep_id is not None:
        query = query.where(Sweep.id == sweep_id)
    with database.reading() as connection:
        return [SweepSummary(**row) for row in connection.execute(query).mappings()]


def _bury(connection: Connection) -> list[int]:
    running = select(Sweep.id, Sweep.owner, Sweep.heartbeat_at).where(Sweep.status == "running")
    dead = [
        (row.id, row.heartbeat_at)
        for row in connection.execute(running)
        if not lives(row.owner, (now_ms() - row.heartbeat_at) / 1000)
    ]
    for sweep_id, last_beat in dead:
        _close(connection, sweep_id, "interrupted", last_beat)
    return [sweep_id for sweep_id, _ in dead]


def _close(connection: Connection, sweep_id: int, status: str, at: int) -> None:
    counted = select(Scan.status, func.count()).where(Scan.sweep_id == sweep_id).group_by(Scan.status)
    counts = {row[0]: row[1] for row in connection.execute(counted)}
    values = {name: counts.get(name, 0) for name in ("ok", "partial", "failed")}
    connection.execute(
        update(Sweep).where(Sweep.id == sweep_id).values(status=status, finished_at=at, **values)
    )
