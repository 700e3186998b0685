"""Where a stored series is going: its trend against its real limit, told in the series' own direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fleet_collector.metrics import METRICS, Latest, limit_of
from fleet_collector.trends import Trend, analyse


def outlook(
    metric: str, label: str, at: Sequence[float], values: Sequence[float], latest: Latest
) -> tuple[Trend, float | None] | None:
    """The trend of a series and the limit it runs into; None for numbers that lead nowhere bad.

    ``at`` in seconds since the epoch. Counters and constants of the machine have no trend. A number that is
    bad when low (memory left) is judged upside down and told the right way up again.
    """
    known = METRICS.get(metric)
    if known is None or known.worse is None or known.counter:
        return None
    limit = limit_of(metric, label, latest)
    if known.worse == "high":
        return analyse(at, values, limit), limit
    turned = analyse(at, [-value for value in values], None if limit is None else -limit)
    return _upright(turned), limit


def _upright(trend: Trend) -> Trend:
    """A trend of negated values as one of the values."""
    return replace(
        trend,
        slope_per_day=-trend.slope_per_day,
        slope_low=-trend.slope_high,
        slope_high=-trend.slope_low,
        line_values=tuple(-value for value in trend.line_values),
        resets=tuple(replace(reset, before=-reset.before, after=-reset.after) for reset in trend.resets),
        reason=trend.reason.replace("grows", "falls"),
    )
