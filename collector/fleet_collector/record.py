"""What the store keeps of one scan of one host: the outcome, its numbers and its findings, in one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fleet_collector.failures import Failure
from fleet_collector.findings.finding import Finding, Severity, worst
from fleet_collector.metrics import Sample
from fleet_collector.snapshot import Snapshot

ScanStatus = Literal["ok", "partial", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One scan of one host, ready to be stored.

    ``taken_at`` is in ms since the epoch on the collector's clock; with host and sweep it says which scan
    this is, so that saving it twice changes nothing.
    """

    host: str
    sweep_id: int
    taken_at: int
    status: ScanStatus
    groups: tuple[str, ...] = ()
    failure: Failure | None = None
    snapshot: Snapshot | None = None
    samples: Sequence[Sample] = ()
    findings: Sequence[Finding] = ()
    duration_ms: float = 0.0
    clock_offset_seconds: float | None = None
    address: str | None = None

    @property
    def severity(self) -> Severity:
        """The severest of its findings; a scan that is not whole is at least unknown."""
        incomplete: list[Severity] = [] if self.status == "ok" else ["unknown"]
        return worst([*incomplete, *(finding.severity for finding in self.findings)])
