"""The database: hosts, sweeps, scans with their snapshots and findings, and numbers over time.

``connect`` opens it; the functions here take what it returns.
"""

from __future__ import annotations

from fleet_collector.store.database import Database, connect
from fleet_collector.store.save import save
from fleet_collector.store.sweeps import (
    SweepSummary,
    beat,
    begin_sweep,
    finish_sweep,
    mark_interrupted,
    now_ms,
    sweep,
    sweeps,
)

__all__ = [
    "Database",
    "SweepSummary",
    "beat",
    "begin_sweep",
    "connect",
    "finish_sweep",
    "mark_interrupted",
    "now_ms",
    "save",
    "sweep",
    "sweeps",
]
