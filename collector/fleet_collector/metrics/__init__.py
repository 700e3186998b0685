"""Numbers of a snapshot that are kept as series over time.

A fact that was not measured gives no sample. The number of labelled series a snapshot can open is bounded,
so that a host with ten thousand process names does not fill the database.
"""

from __future__ import annotations

from fleet_collector.metrics.catalog import METRICS, Metric
from fleet_collector.metrics.limits import Latest, limit_of, mount_of
from fleet_collector.metrics.measure import Sample, measure

__all__ = ["METRICS", "Latest", "Metric", "Sample", "limit_of", "measure", "mount_of"]
