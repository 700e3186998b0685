"""Storing results as they come: noted in the spool at once, in the database in batches."""

from __future__ import annotations

import time
from collections.abc import Callable

from fleet_collector.errors import StoreError
from fleet_collector.record import Record
from fleet_collector.store.database import Database
from fleet_collector.store.owner import HEARTBEAT_SECONDS
from fleet_collector.store.parcel import Parcel, pack
from fleet_collector.store.save import save_parcels
from fleet_collector.store.spool import Spool, bring_in
from fleet_collector.store.sweeps import beat, sweep


class Writer:
    """Collects one sweep's records and stores them by number or by age, whichever comes first.

    Until a batch is stored it stands in a spool file, which outlives a kill -9. What cannot be stored stays
    there; ``trouble`` then says why, and ``spooled`` how many. The spool is tried again at the end, and by
    whoever opens the database next. Calls block while the database works; one thread at a time.
    """

    def __init__(
        self,
        database: Database,
        sweep_id: int,
        *,
        at_most: int = 100,
        seconds: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stored = 0
        self.spooled = 0
        self.trouble: str | None = None
        self._database = database
        self._sweep_id = sweep_id
        self._at_most = at_most
        self._seconds = seconds
        self._clock = clock
        self._waiting: list[Parcel] = []
        self._noted = True  # all that waits stands in the spool
        self._oldest = self._beaten = clock()
        self._spool = Spool(database, sweep_id, sweep(database, sweep_id).started_at)

    def add(self, *records: Record) -> None:
        """Take records; stores those that wait when they are many or old enough."""
        if not self._waiting:
            self._oldest = self._clock()
        parcels = pack(records)
        if parcels:
            self._waiting += parcels
            self._noted = self._spool.note(parcels) and self._noted
        if len(self._waiting) >= self._at_most:
            self.flush()
        else:
            self.tick()

    def tick(self) -> None:
        """Store what has waited long enough and keep the sweep's heart beating; call it every few seconds."""
        now = self._clock()
        if self._waiting and now - self._oldest >= self._seconds:
            self.flush()
        if now - self._beaten >= HEARTBEAT_SECONDS:
            self._beaten = now
            try:
                beat(self._database, self._sweep_id)
            except StoreError as error:
                self.trouble = str(error)

    def flush(self) -> None:
        """Store what waits now; raises StoreError only if it can neither be stored nor spooled."""
        parcels, self._waiting = self._waiting, []
        if not parcels:
            return
        try:
            save_parcels(self._database, parcels)
            self.stored += len(parcels)
            self._spool.clear()
        except StoreError as error:
            self.trouble = str(error)
            if not (self._noted and self._spool.keep()):
                self._spool.append(parcels)
            self.spooled += len(parcels)
        self._noted = True

    def close(self) -> None:
        """Store what waits, and try to bring in what was spooled."""
        self.flush()
        self._spool.close()
        if self.spooled:
            brought = bring_in(self._database)
            self.spooled -= brought
            self.stored += brought

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
