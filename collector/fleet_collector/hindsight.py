"""How far off earlier forecasts were: a limit's date foretold against what the series did since.

A forecast counts once its limit was met, or once the late end of its interval has passed. What was off is
the difference in days between the date foretold and the date on which the series met the limit.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from fleet_collector import store
from fleet_collector.store import Database, Forecast, SeriesKey

DAY_MS = 86_400_000.0
LOOK_BACK_DAYS = 90.0


@dataclass(frozen=True, kw_only=True)
class Hindsight:
    """``due`` forecasts could be checked: ``met`` came true in any time, ``inside`` within their interval."""

    due: int
    met: int
    inside: int
    median_off_days: float | None


def hindsight(database: Database, now: int) -> Hindsight:
    """Check the forecasts of the last months, the first of each series and limit."""
    checked: dict[tuple[int, float], tuple[bool, float | None]] = {}
    for key, forecast in store.forecasts(database, since=now - round(LOOK_BACK_DAYS * DAY_MS), until=now):
        limit = forecast.limit_value
        if limit is None or forecast.eta_days is None or (key.id, limit) in checked:
            continue
        verdict = _verdict(database, key, forecast, limit, now)
        if verdict is not None:
            checked[key.id, limit] = verdict
    off = [abs(days) for _, days in checked.values() if days is not None]
    return Hindsight(
        due=len(checked),
        met=len(off),
        inside=sum(inside for inside, _ in checked.values()),
        median_off_days=statistics.median(off) if off else None,
    )


def _verdict(
    database: Database, key: SeriesKey, forecast: Forecast, limit: float, now: int
) -> tuple[bool, float | None] | None:
    """Whether the interval held, and how many days late the limit was met; None if it is not yet due."""
    points = store.points(database, key.id, since=forecast.made_at, until=now)
    rising = forecast.slope_per_day > 0
    met = next(
        (at for at, value in zip(*points, strict=True) if (value >= limit if rising else value <= limit)),
        None,
    )
    high = forecast.eta_high
    if met is None:
        overdue = high is not None and forecast.made_at + high * DAY_MS < now
        return (False, None) if overdue else None
    took = (met - forecast.made_at) / DAY_MS
    inside = (forecast.eta_low or 0.0) <= took and (high is None or took <= high + 1.0)
    return inside, took - (forecast.eta_days or 0.0)
