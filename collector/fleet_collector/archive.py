"""Stored scans brought back whole: as records to show, and as cases to judge with today's rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from fleet_collector import store
from fleet_collector.causes.diagnosis import Judged, LastGood
from fleet_collector.errors import SnapshotError
from fleet_collector.findings.finding import Finding
from fleet_collector.findings.judge import judge
from fleet_collector.findings.past import Past
from fleet_collector.findings.subject import Subject
from fleet_collector.record import Record
from fleet_collector.rules import Rules
from fleet_collector.snapshot import Snapshot
from fleet_collector.store import Database, ScanSummary


def record(database: Database, scan: ScanSummary) -> Record:
    """A stored scan as it was; raises SnapshotError if it cannot be read by this version."""
    return Record(
        host=scan.host,
        sweep_id=scan.sweep_id,
        taken_at=scan.taken_at,
        status=scan.status,
        groups=scan.groups,
        failure=scan.failure,
        snapshot=store.snapshot(database, scan.id),
        findings=store.findings(database, [scan.id]).get(scan.id, ()),
        duration_ms=scan.duration_ms,
        clock_offset_seconds=scan.clock_offset_seconds,
        address=scan.address,
    )


def cases(
    database: Database,
    rules: Callable[[tuple[str, ...]], Rules],
    names: Iterable[str] | None = None,
    before: int | None = None,
) -> list[Judged]:
    """The last scan of each host (before a time in ms), judged by today's rules against its past then.

    ``rules`` says what holds for the groups a host was in. A host whose last scan failed comes with its
    failure and with what the last good scan found.
    """
    last = store.latest(database, names, before=before)
    snapshots = store.snapshots(database, [scan.id for scan in last])
    pasts = store.pasts_of(database, [scan.id for scan in last])
    good = _last_good(database, [scan.host for scan in last if scan.status == "failed"], before)
    return [
        _case(
            scan,
            snapshots.get(scan.id),
            rules(scan.groups),
            pasts.get(scan.host, Past()),
            good.get(scan.host),
        )
        for scan in last
    ]


def _case(
    scan: ScanSummary,
    snapshot: Snapshot | SnapshotError | None,
    rules: Rules,
    past: Past,
    good: LastGood | None,
) -> Judged:
    readable = snapshot if isinstance(snapshot, Snapshot) else None
    return Judged(
        host=scan.host,
        taken_at=scan.taken_at / 1000,
        snapshot=readable,
        findings=_findings(scan, readable, rules, past) if readable is not None else [],
        failure=scan.failure,
        address=scan.address,
        last_good=good,
        past=past,
    )


def _findings(scan: ScanSummary, snapshot: Snapshot, rules: Rules, past: Past) -> list[Finding]:
    return judge(
        Subject(
            host=scan.host,
            taken_at=scan.taken_at / 1000,
            snapshot=snapshot,
            thresholds=rules.thresholds,
            expected=rules.expected,
            clock_offset_seconds=scan.clock_offset_seconds,
            past=past,
        )
    )


def _last_good(database: Database, names: Sequence[str], before: int | None) -> dict[str, LastGood]:
    if not names:
        return {}
    scans = store.latest(database, names, before=before, answered=True)
    findings = store.findings(database, [scan.id for scan in scans])
    return {
        scan.host: LastGood(taken_at=scan.taken_at / 1000, findings=tuple(findings.get(scan.id, ())))
        for scan in scans
    }
