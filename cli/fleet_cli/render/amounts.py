"""A trend in the words of its unit, and when it meets its limit."""

from __future__ import annotations

import math
from collections.abc import Callable

from fleet_collector.outlook import DAY, is_stale
from fleet_collector.trends import Trend
from fleet_collector.wording import TOO_FAR_DAYS, amount, coming, day, percent, plain


def told(trend: Trend, limit: float | None, unit: str, at: float, now: float) -> str:
    """``+1.1 GiB a day, 97 % sure; its limit of 50 GiB in 6 to 11 days``, or why there is no trend.

    ``at`` is the time of the last sample, from which the trend counts; ``now`` that of the reader. Of what
    is not measured any more nothing is foretold.
    """
    stale = f"not measured since {day(at)}; until then " if is_stale(trend, at, now) else ""
    if not trend.trending:
        return stale + plain(trend.reason)
    pace = f"{signed(trend.slope_per_day, unit)} a day, {sure(trend.confidence)} sure"
    if stale:
        return stale + pace
    return f"{pace}; {'it has no limit' if limit is None else _met(trend, limit, unit, at, now)}"


def _met(trend: Trend, limit: float, unit: str, at: float, now: float) -> str:
    """``its limit of 50 GiB in 6 to 11 days``; a number that falls to nothing is told as such."""
    when = reached(trend, at, now)
    if when == "now":
        return f"it is at its limit of {amount(limit, unit)} now"
    return f"nothing left {when}" if limit == 0.0 else f"its limit of {amount(limit, unit)} {when}"


def signed(slope: float, unit: str) -> str:
    """A growth with its sign: ``+1.1 GiB``, ``-64 MiB``."""
    return f"{'+' if slope > 0 else ''}{amount(slope, unit)}"


def sure(confidence: float) -> str:
    """A probability, which is never full: ``97 %``, ``99.9 %``."""
    return percent(min(100 * confidence, 99.9))


def reached(trend: Trend, at: float, now: float) -> str:
    """When a trend meets its limit: always a range, never a bare date."""
    low, high = trend.eta_low, trend.eta_high
    if low is None:
        return "not in sight"
    elapsed = (now - at) / DAY
    if high is not None and 0.0 < high <= elapsed:
        return "by now"
    return coming(low - elapsed, None if high is None else high - elapsed, now)


def due(trend: Trend, at: float, now: float) -> str:
    """The same for a column, the likeliest before the range: ``9 d (6-15 d)``, ``34 h (4 h-4 d)``."""
    when, elapsed = reached(trend, at, now), (now - at) / DAY
    early, likeliest, late = trend.eta_low, trend.eta_days, trend.eta_high
    if early is None or likeliest is None or late is None or late - elapsed > TOO_FAR_DAYS or when in _SHORT:
        return _SHORT.get(when, when)
    first, last = _length(max(early - elapsed, 0.0), math.floor), _length(late - elapsed, math.ceil)
    if first == "0 h" or first[-1] == last[-1]:
        first = first[:-2]
    likely = _length(max(likeliest - elapsed, 0.0), round)
    return f"{'< 1 h' if likely == '0 h' else likely} ({first}-{last})"


_SHORT = {"now": "at its limit now", "by now": "by now", "in more than 2 years": "> 2 years"}


def _length(days: float, rounded: Callable[[float], int]) -> str:
    return f"{rounded(days):,} d" if days >= 2.0 else f"{rounded(days * 24)} h"
