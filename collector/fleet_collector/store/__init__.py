"""The database: hosts, sweeps, scans with their snapshots and findings, and numbers over time.

``connect`` opens it; the functions here take what it returns, and raise StoreError. Times are in ms since the
epoch, UTC.
"""

from __future__ import annotations

from fleet_collector.store.database import Database
from fleet_collector.store.forecasts import Forecast, forecasts, save_forecasts
from fleet_collector.store.opening import connect
from fleet_collector.store.pasts import pasts, pasts_of
from fleet_collector.store.save import save
from fleet_collector.store.scans import (
    HostSummary,
    ScanSummary,
    findings,
    host_names,
    hosts,
    latest,
    scanned_often,
    scans,
    scans_of,
    snapshot,
    snapshots,
)
from fleet_collector.store.series import (
    EVER,
    History,
    Points,
    SeriesKey,
    histories,
    labels,
    latest_samples,
    latest_values,
    metrics,
    points,
    series,
)
from fleet_collector.store.stats import Stats, stats
from fleet_collector.store.sweeps import (
    SweepSummary,
    beat,
    begin_sweep,
    days,
    finish_sweep,
    mark_interrupted,
    now_ms,
    sweep,
    sweeps,
)
from fleet_collector.store.writer import Writer

__all__ = [
    "EVER",
    "Database",
    "Forecast",
    "History",
    "HostSummary",
    "Points",
    "ScanSummary",
    "SeriesKey",
    "Stats",
    "SweepSummary",
    "Writer",
    "beat",
    "begin_sweep",
    "connect",
    "days",
    "findings",
    "finish_sweep",
    "forecasts",
    "histories",
    "host_names",
    "hosts",
    "labels",
    "latest",
    "latest_samples",
    "latest_values",
    "mark_interrupted",
    "metrics",
    "now_ms",
    "pasts",
    "pasts_of",
    "points",
    "save",
    "save_forecasts",
    "scanned_often",
    "scans",
    "scans_of",
    "series",
    "snapshot",
    "snapshots",
    "stats",
    "sweep",
    "sweeps",
]
