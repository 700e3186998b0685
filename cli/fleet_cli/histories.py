"""Stored numbers, chosen by the words of the command line, each with its trend."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from fleet_cli.known import check
from fleet_cli.when import iso
from fleet_collector import store
from fleet_collector.changes import diff
from fleet_collector.errors import UsageError
from fleet_collector.folding import fold
from fleet_collector.metrics import METRICS, Latest, Metric
from fleet_collector.outlook import DAY, has_gone, outlook
from fleet_collector.snapshot import Snapshot
from fleet_collector.store import Database, SeriesKey
from fleet_collector.trends import Trend

GLANCE = (
    "cpu_percent",
    "load1",
    "mem_available_bytes",
    "swap_used_percent",
    "processes",
    "threads",
    "open_files",
    "established",
    "time_wait",
    "close_wait",
    "local_ports_percent",
    "disk_used_percent",
)
MOST_SERIES = 1000
MOST_SCANS = 200  # compared by --changes, the newest


@dataclass(frozen=True, kw_only=True)
class History:
    """One series with its points: times in seconds since the epoch; ``limit`` in its own unit.

    ``now`` is the time from which is told what is to come: that of the reader, or the end that was asked for.
    """

    host: str
    metric: Metric
    label: str
    at: list[float]
    values: list[float]
    trend: Trend | None
    limit: float | None
    now: float

    @property
    def stale(self) -> bool:
        """Whether it was not measured for so long that its last value is not the present one."""
        if not self.at:
            return False
        pace_days = (self.at[-1] - self.at[0]) / max(len(self.at) - 1, 1) / DAY
        return has_gone(self.at[-1], self.now, pace_days)

    @property
    def name(self) -> str:
        """As it is asked for: ``disk_used_percent:/var``."""
        return f"{self.metric.name}:{self.label}" if self.label else self.metric.name


def read(
    database: Database, hosts: Sequence[str], words: Sequence[str], since: float | None, until: float | None
) -> list[History]:
    """The series that ``METRIC[:LABEL]`` words name on these hosts; the main ones without a word.

    Raises UsageError for an unknown metric, or where the hosts have none of it, with the nearest names.
    """
    keys = chosen(database, hosts, words)
    if len(keys) > MOST_SERIES:
        raise UsageError(
            f"{len(keys):,} series are too many to show; name fewer hosts, or a label (METRIC:LABEL)"
        )
    start = 0 if since is None else round(since * 1000)
    # A collector whose clock was wrong for once must not make its samples the latest for years.
    end = round((time.time() + DAY if until is None else until) * 1000)
    points = store.histories(database, [key.id for key in keys], since=start, until=end)
    found = {one.series_id: one for one in points}
    latest = store.latest_values(database, hosts, before=end)
    now = min(time.time(), end / 1000)
    return [_history(key, found.get(key.id), latest.get(key.host, {}), now) for key in keys]


def chosen(database: Database, hosts: Sequence[str] | None, words: Sequence[str]) -> list[SeriesKey]:
    """The series that the words name on these hosts, or on all; raises UsageError as ``read`` does."""
    asked = [word.partition(":")[::2] for word in words] or [(metric, "") for metric in GLANCE]
    for metric, _ in asked:
        check("metric", metric, METRICS)
    every = store.series(database, hosts, {metric for metric, _ in asked})
    named: dict[SeriesKey, None] = {}
    for metric, label in asked:
        found = [key for key in every if key.metric == metric and label in {"", key.label}]
        if words and not found:
            _refuse(metric, label, {key.label for key in every if key.metric == metric}, hosts)
        named.update(dict.fromkeys(found))
    return list(named)


def _refuse(metric: str, label: str, labels: set[str], hosts: Sequence[str] | None) -> None:
    """Say what is wrong with words that name no series of these hosts; raises UsageError."""
    what = METRICS[metric].labelled
    if label and what is None:
        raise UsageError(f"{metric} is one number of a host, not one of each {label!r}; write {metric}")
    if labels:
        check(f"{what} of {metric}", label, labels)
    raise UsageError(f"{metric} was not measured on {'any host' if hosts is None else fold(hosts[:20])}")


def _history(key: SeriesKey, found: store.History | None, latest: Latest, now: float) -> History:
    """One series with its trend; ``found`` is None where it has no points in that time."""
    at = [] if found is None else (found.at / 1000.0).tolist()
    values = [] if found is None else found.values.tolist()
    trend, limit = outlook(key.metric, key.label, at, values, latest) or (None, None)
    return History(
        host=key.host,
        metric=METRICS[key.metric],
        label=key.label,
        at=at,
        values=values,
        trend=trend,
        limit=limit,
        now=now,
    )


def changes(
    database: Database, hosts: Sequence[str], since: float | None, until: float | None
) -> list[dict[str, Any]]:
    """What changed from scan to scan on these hosts: findings that began and ended, failures, and facts."""
    rows = [row for host in hosts for row in _host_changes(database, host, since, until)]
    return sorted(rows, key=itemgetter("at"))


def _host_changes(
    database: Database, host: str, since: float | None, until: float | None
) -> list[dict[str, Any]]:
    start, end = (None if at is None else round(at * 1000) for at in (since, until))
    scans = store.scans(database, host, since=start, until=end, at_most=MOST_SCANS)
    found = store.findings(database, [scan.id for scan in scans])
    rows: list[dict[str, Any]] = []
    before: Snapshot | None = None
    told: dict[tuple[str, str], str] = {}
    for scan in scans:

        def row(
            kind: str, subject: str, old: str | None, new: str | None, at: int = scan.taken_at
        ) -> dict[str, Any]:
            return {
                "host": host,
                "at": iso(at / 1000),
                "kind": kind,
                "subject": subject,
                "before": old,
                "after": new,
            }

        if scan.failure is not None:
            rows.append(row("scan", scan.failure.kind, None, scan.failure.message))
        if scan.status == "failed":
            continue
        snapshot = store.snapshots(database, [scan.id]).get(scan.id)
        if isinstance(snapshot, Snapshot):
            changes = diff(before, snapshot) if before is not None else []
            rows += [row(change.kind, change.subject, change.before, change.after) for change in changes]
            before = snapshot
        now = {(f.rule, f.subject): f.message for f in found.get(scan.id, ()) if f.severity != "ok"}
        rows += [row("finding", rule, None, text) for (rule, s), text in now.items() if (rule, s) not in told]
        rows += [row("finding", rule, text, None) for (rule, s), text in told.items() if (rule, s) not in now]
        told = now
    return rows
