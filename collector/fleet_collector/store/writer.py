"""Storing results as they come: noted in the spool at once, in the database in batches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from fleet_collector.errors import StoreError
from fleet_collector.record import Record
from fleet_collector.store.database import Database
from fleet_collector.store.owner import HEARTBEAT_SECONDS
from fleet_collector.store.parcel import Parcel, pack
from fleet_collector.store.save import save_parcels
from fleet_collector.store.spool import Spool, bring_in
from fleet_collector.store.sweeps import beat, sweep

AGAIN_SECONDS = 30.0  # a database that refused is left alone for so long: each attempt may wait as long


class Writer:
    """Collects one sweep's records and stores them by number or by age, whichever comes first.

    Until a batch is stored it stands in a spool file, which outlives a kill -9. What cannot be stored stays
    there; ``trouble`` then says why, and ``spooled`` how many. The database is tried again after a while and
    at the end, and by whoever opens it next. Calls block while the database works; one thread at a time.
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
        self._again_at = 0.0
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
            self._done(lambda: beat(self._database, self._sweep_id))

    def flush(self) -> None:
        """Store what waits now; raises StoreError only if it can neither be stored nor spooled."""
        parcels, self._waiting = self._waiting, []
        if not parcels:
            return
        if self._done(lambda: save_parcels(self._database, parcels)):
            self.stored += len(parcels)
            self._spool.clear()
        else:
            self._keep(parcels)
        self._noted = True

    def _done(self, work: Callable[[], None]) -> bool:
        """Work with the database, unless it has refused just now; tell whether it is done."""
        if self._clock() < self._again_at:
            return False
        try:
            work()
        except StoreError as error:
            self.trouble, self._again_at = str(error), self._clock() + AGAIN_SECONDS
            return False
        return True

    def _keep(self, parcels: Sequence[Parcel]) -> None:
        if not (self._noted and self._spool.keep()):
            self._spool.append(parcels)
        self.spooled += len(parcels)

    def close(self) -> None:
        """Store what waits: together with what was spooled, if there is any, in one more attempt."""
        late = self.spooled > 0
        if late:
            self._again_at = math.inf
        self.flush()
        self._spool.close()
        if late:
            brought = bring_in(self._database)
            self.spooled -= brought
            self.stored += brought

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
