"""A trend in the words of its unit, and when it meets its limit."""

from __future__ import annotations

from fleet_collector.trends import Trend
from fleet_collector.wording import amount, coming, percent, plain

DAY = 86400.0


def told(trend: Trend, limit: float | None, unit: str, at: float, now: float) -> str:
    """``+1.1 GiB a day, 97 % sure; 50 GiB in 6 to 11 days``, or why there is no trend.

    ``at`` is the time of the last sample, from which the trend counts; ``now`` that of the reader.
    """
    if not trend.trending:
        return plain(trend.reason)
    sure = f"{signed(trend.slope_per_day, unit)} a day, {percent(100 * trend.confidence)} sure"
    if limit is None:
        return f"{sure}; it has no limit"
    return f"{sure}; {amount(limit, unit)} {reached(trend, at, now)}"


def signed(slope: float, unit: str) -> str:
    """A growth with its sign: ``+1.1 GiB``, ``-64 MiB``."""
    return f"{'+' if slope > 0 else ''}{amount(slope, unit)}"


def reached(trend: Trend, at: float, now: float) -> str:
    """When a trend meets its limit: always a range, never a bare date."""
    low, high = trend.eta_low, trend.eta_high
    if low is None:
        return "not in sight"
    elapsed = (now - at) / DAY
    return coming(low - elapsed, None if high is None else high - elapsed, now)
