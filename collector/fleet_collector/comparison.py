"""Each host's last scan against the one on which it was last well, and what the sick ones share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fleet_collector import store
from fleet_collector.changes import Change, SharedChange, diff, shared_changes
from fleet_collector.snapshot import Snapshot
from fleet_collector.store import Database, ScanSummary
from fleet_collector.wording import plain


@dataclass(frozen=True, kw_only=True)
class HostChanges:
    """What changed on one host between two scans; times in seconds since the epoch."""

    host: str
    before_at: float
    after_at: float
    before_well: bool
    changes: list[Change]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The changes of each host, those that sick hosts share, and why some hosts cannot be compared."""

    hosts: list[HostChanges]
    shared: list[SharedChange]
    gaps: list[str]


def compare(
    database: Database,
    names: Iterable[str] | None = None,
    *,
    since: int | None = None,
    until: int | None = None,
) -> Comparison:
    """Compare the last answer of each host (before ``until``, ms) with an earlier one.

    That is the last one before ``since``; else the last on which nothing was wrong; else the one before.
    """
    after = store.latest(database, names, before=until, answered=True)
    before = _before(database, after, since)
    pairs = [(before[scan.host], scan) for scan in after if scan.host in before]
    snapshots = store.snapshots(database, [scan.id for pair in pairs for scan in pair])
    hosts: list[HostChanges] = []
    gaps = [
        f"{plain(scan.host)} has no earlier scan to compare with" for scan in after if scan.host not in before
    ]
    for old, new in pairs:
        first, second = snapshots.get(old.id), snapshots.get(new.id)
        if isinstance(first, Snapshot) and isinstance(second, Snapshot):
            hosts.append(_changes(old, new, diff(first, second)))
        else:
            gaps.append(f"a scan of {plain(old.host)} was thinned out or cannot be read")
    return Comparison(hosts=hosts, shared=_shared(hosts, after), gaps=gaps)


def _before(database: Database, after: list[ScanSummary], since: int | None) -> dict[str, ScanSummary]:
    """The scan to compare each host's with, where there is one that is older."""
    names = [scan.host for scan in after]
    newest = {scan.host: scan for scan in after}
    if since is not None:
        chosen = store.latest(database, names, before=since + 1, answered=True)
    else:
        chosen = store.latest(database, names, answered=True, well=True)
    found = {scan.host: scan for scan in chosen if scan.taken_at < newest[scan.host].taken_at}
    for scan in after:
        if since is None and scan.host not in found:
            earlier = store.latest(database, [scan.host], before=scan.taken_at, answered=True)
            found |= {other.host: other for other in earlier}
    return found


def _changes(old: ScanSummary, new: ScanSummary, changes: list[Change]) -> HostChanges:
    return HostChanges(
        host=new.host,
        before_at=old.taken_at / 1000,
        after_at=new.taken_at / 1000,
        before_well=old.severity == "ok",
        changes=changes,
    )


def _shared(hosts: list[HostChanges], after: list[ScanSummary]) -> list[SharedChange]:
    sick = {scan.host for scan in after if scan.severity in {"warning", "critical"}}
    by_host = {one.host: one.changes for one in hosts}
    ill = {host: changes for host, changes in by_host.items() if host in sick}
    well = {host: changes for host, changes in by_host.items() if host not in sick}
    return shared_changes(ill, well) if len(ill) > 1 else []
