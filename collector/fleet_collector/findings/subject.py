"""What a rule looks at: one host's snapshot, what is expected of it, and its own past."""

from __future__ import annotations

from msgspec import Struct

from fleet_collector.findings.expected import Expected
from fleet_collector.findings.past import Past
from fleet_collector.findings.thresholds import Thresholds
from fleet_collector.snapshot import Snapshot


class Subject(Struct, frozen=True, kw_only=True):
    """One host at one time: ``taken_at`` in seconds since the epoch on the collector's clock.

    ``clock_offset_seconds`` is the host's clock minus the collector's; None was not measured.
    """

    host: str
    taken_at: float
    snapshot: Snapshot
    thresholds: Thresholds = Thresholds()
    expected: Expected = Expected()
    clock_offset_seconds: float | None = None
    past: Past = Past()

    @property
    def now(self) -> float:
        """The time on the host's own clock, which is what its facts are told in."""
        started_at = self.snapshot.agent.started_at
        return started_at if started_at is not None else self.taken_at + (self.clock_offset_seconds or 0.0)

    @property
    def since(self) -> float:
        """From when on an event is news, on the host's clock: the last scan, or a moment ago."""
        moment = self.thresholds.identity_event_minutes * 60
        previous = self.past.previous
        if previous is None:
            return self.now - moment
        return self.now - min(max(self.taken_at - previous.taken_at, moment), 86400.0)
