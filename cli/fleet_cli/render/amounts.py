"""Numbers of a series in the words of its unit, and when a trend meets its limit."""

from __future__ import annotations

from fleet_collector.trends import Trend
from fleet_collector.wording import duration, number, percent, plain, size

DAY = 86400.0
TOO_FAR_DAYS = 730.0


def value(amount: float, unit: str) -> str:
    """A number in its unit, as a person says it."""
    if unit == "bytes":
        return size(amount)
    if unit == "percent":
        return percent(amount)
    if unit == "seconds":
        return duration(amount)
    return number(amount)


def told(trend: Trend, limit: float | None, unit: str) -> str:
    """``+1.1 GiB a day, 97 % sure; limit 50 GiB in 6 d to 11 d``, or why there is no trend."""
    if not trend.trending:
        return plain(trend.reason)
    sign = "+" if trend.slope_per_day > 0 else ""
    sure = f"{sign}{value(trend.slope_per_day, unit)} a day, {percent(100 * trend.confidence)} sure"
    if limit is None:
        return f"{sure}; it has no limit"
    return f"{sure}; limit {value(limit, unit)} {reached(trend)}"


def reached(trend: Trend) -> str:
    """When a trend meets its limit: always a range, never a bare date."""
    low, high = trend.eta_low, trend.eta_high
    if low is None:
        return "not in sight"
    if high is not None and high <= 0:
        return "reached now"
    if low > TOO_FAR_DAYS:
        return "in more than 2 years"
    if high is None or high > TOO_FAR_DAYS:
        return f"not before {duration(max(low, 0) * DAY)}"
    return f"in {_days(low)} to {_days(high)}"


def _days(days: float) -> str:
    return duration(max(days, 1 / 24) * DAY)
