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
    SeriesKey,
    by_host,
    histories,
    latest_samples,
    latest_values,
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
    "ScanSummary",
    "SeriesKey",
    "Stats",
    "SweepSummary",
    "Writer",
    "beat",
    "begin_sweep",
    "by_host",
    "connect",
    "days",
    "findings",
    "finish_sweep",
    "forecasts",
    "histories",
    "host_names",
    "hosts",
    "latest",
    "latest_samples",
    "latest_values",
    "mark_interrupted",
    "now_ms",
    "pasts",
    "pasts_of",
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
