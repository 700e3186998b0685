"""Reading scans: who was seen when and how, with snapshots and findings on demand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Select, and_, func, select

from fleet_collector.errors import SnapshotError
from fleet_collector.failures import Failure
from fleet_collector.findings.finding import Finding, Severity
from fleet_collector.record import ScanStatus
from fleet_collector.snapshot import Snapshot
from fleet_collector.store.bulk import chunks
from fleet_collector.store.database import Database
from fleet_collector.store.parcel import unpack_snapshot
from fleet_collector.tables import FINDING, HOST, SCAN, SNAPSHOT

AT_ONCE = 500  # values in one list of a statement


class ScanSummary(Struct, frozen=True, kw_only=True):
    """A scan as stored, without what hangs on it; times in ms since the epoch."""

    id: int
    host: str
    sweep_id: int
    taken_at: int
    status: ScanStatus
    severity: Severity
    failure: Failure | None
    duration_ms: float
    clock_offset_seconds: float | None
    address: str | None
    groups: tuple[str, ...]
    samples: int


class HostSummary(Struct, frozen=True, kw_only=True):
    """A host: its last scan, when it last answered, and how many scans have failed since then."""

    name: str
    last: ScanSummary
    answered_at: int | None
    failures_since: int


def host_names(database: Database) -> list[str]:
    """Return every host's name, sorted: what a mistyped one is compared with."""
    with database.reading() as connection:
        return sorted(connection.scalars(select(HOST.c.name)))


def scanned_often(database: Database, names: Iterable[str], times: int) -> list[str]:
    """Return those of these hosts that have at least so many scans, sorted."""
    query = (
        select(HOST.c.name)
        .join(SCAN, SCAN.c.host_id == HOST.c.id)
        .group_by(HOST.c.id, HOST.c.name)
        .having(func.count() >= times)
    )
    with database.reading() as connection:
        return sorted(
            name
            for some in chunks(names, AT_ONCE)
            for name in connection.scalars(query.where(HOST.c.name.in_(some)))
        )


def hosts(database: Database, names: Iterable[str] | None = None) -> list[HostSummary]:
    """Return what is known of these hosts, or of all, by name; a name that was never scanned is left out."""
    last = latest(database, names)
    answered = {scan.host: scan.taken_at for scan in latest(database, names, answered=True)}
    failures = _failures_since(database, [scan.host for scan in last if scan.status == "failed"])
    return [
        HostSummary(
            name=scan.host,
            last=scan,
            answered_at=answered.get(scan.host),
            failures_since=failures.get(scan.host, 0),
        )
        for scan in last
    ]


def latest(
    database: Database,
    names: Iterable[str] | None = None,
    *,
    before: int | None = None,
    answered: bool = False,
    well: bool = False,
) -> list[ScanSummary]:
    """Return each host's last scan, by name; hosts that have none are left out.

    ``before`` (ms) looks at scans taken earlier only, ``answered`` at those that did not fail, ``well`` at
    whole ones without any finding above ok.
    """
    other = SCAN.alias()
    conditions = [other.c.host_id == HOST.c.id]
    if before is not None:
        conditions.append(other.c.taken_at < before)
    if answered:
        conditions.append(other.c.status != "failed")
    if well:
        conditions += [other.c.status == "ok", other.c.severity == "ok"]
    newest = (
        select(other.c.id)
        .where(*conditions)
        .order_by(other.c.taken_at.desc(), other.c.sweep_id.desc())
        .limit(1)
        .correlate(HOST)
        .scalar_subquery()
    )
    return _summaries(database, _scans().where(SCAN.c.id == newest).order_by(HOST.c.name), names)


def scans(
    database: Database,
    name: str,
    *,
    since: int | None = None,
    until: int | None = None,
    at_most: int | None = None,
) -> list[ScanSummary]:
    """Return a host's scans of ``since <= taken_at < until``, oldest first; at most the newest so many."""
    query = _scans().where(HOST.c.name == name).order_by(SCAN.c.taken_at.desc(), SCAN.c.sweep_id.desc())
    if since is not None:
        query = query.where(SCAN.c.taken_at >= since)
    if until is not None:
        query = query.where(SCAN.c.taken_at < until)
    if at_most is not None:
        query = query.limit(at_most)
    return _summaries(database, query, None)[::-1]


def scans_of(database: Database, sweep_id: int) -> list[ScanSummary]:
    """Return a sweep's scans, by host and time."""
    query = _scans().where(SCAN.c.sweep_id == sweep_id).order_by(HOST.c.name, SCAN.c.taken_at)
    return _summaries(database, query, None)


def snapshots(database: Database, scan_ids: Iterable[int]) -> dict[int, Snapshot | SnapshotError]:
    """Return the snapshots of scans that have one; in place of an unreadable one the error that says why."""
    found: dict[int, Snapshot | SnapshotError] = {}
    with database.reading() as connection:
        for some in chunks(scan_ids, AT_ONCE):
            query = select(SNAPSHOT.c.scan_id, SNAPSHOT.c.content).where(SNAPSHOT.c.scan_id.in_(some))
            for scan_id, content in connection.execute(query):
                found[scan_id] = _unpacked(content)
    return found


def snapshot(database: Database, scan_id: int) -> Snapshot | None:
    """Return a scan's snapshot, None if it has none; raise SnapshotError if it cannot be read."""
    found = snapshots(database, [scan_id]).get(scan_id)
    if isinstance(found, SnapshotError):
        raise found
    return found


def findings(database: Database, scan_ids: Iterable[int]) -> dict[int, list[Finding]]:
    """Return the findings of scans, in their order; a scan without any is left out."""
    found: dict[int, list[Finding]] = {}
    with database.reading() as connection:
        for some in chunks(scan_ids, AT_ONCE):
            query = select(FINDING).where(FINDING.c.scan_id.in_(some))
            ordered = query.order_by(FINDING.c.scan_id, FINDING.c.position)
            for row in connection.execute(ordered).mappings():
                found.setdefault(row["scan_id"], []).append(_finding(row))
    return found


def _scans() -> Select[Any]:
    return select(SCAN, HOST.c.name.label("host")).join(HOST, HOST.c.id == SCAN.c.host_id)


def _summaries(database: Database, query: Select[Any], names: Iterable[str] | None) -> list[ScanSummary]:
    with database.reading() as connection:
        if names is None:
            return [_summary(row) for row in connection.execute(query).mappings()]
        return [
            _summary(row)
            for some in chunks(sorted(set(names)), AT_ONCE)
            for row in connection.execute(query.where(HOST.c.name.in_(some))).mappings()
        ]


def _summary(row: Any) -> ScanSummary:
    failure = None
    if row["failure_kind"] is not None:
        failure = Failure(
            kind=row["failure_kind"],
            stage=row["failure_stage"],
            message=row["failure_message"],
            hint=row["failure_hint"],
        )
    fields = {name: row[name] for name in ScanSummary.__struct_fields__ if name != "failure"}
    fields["groups"] = tuple(row["groups"].split(",")) if row["groups"] else ()
    return ScanSummary(**fields, failure=failure)


def _finding(row: Any) -> Finding:
    plain = {name: row[name] for name in Finding.__struct_fields__ if name != "evidence"}
    return Finding(**plain, evidence=msgspec.json.decode(row["evidence"], type=dict))


def _unpacked(content: bytes) -> Snapshot | SnapshotError:
    try:
        return unpack_snapshot(content)
    except SnapshotError as error:
        return error


def _failures_since(database: Database, names: Sequence[str]) -> dict[str, int]:
    """Count each host's failed scans after its last answer."""
    counts: dict[str, int] = {}
    with database.reading() as connection:
        for some in chunks(names, AT_ONCE):
            good = SCAN.alias()
            last_good = (
                select(func.max(good.c.taken_at))
                .where(good.c.host_id == HOST.c.id, good.c.status != "failed")
                .correlate(HOST)
                .scalar_subquery()
            )
            after = and_(SCAN.c.host_id == HOST.c.id, SCAN.c.taken_at > func.coalesce(last_good, -1))
            query = select(HOST.c.name, func.count()).join(SCAN, after).where(HOST.c.name.in_(some))
            counts |= {row[0]: row[1] for row in connection.execute(query.group_by(HOST.c.name))}
    return counts
