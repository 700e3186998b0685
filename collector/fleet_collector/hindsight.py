"""How far off earlier forecasts were: a limit's date foretold against what the series did since.

A forecast counts once its limit was met, or once the late end of its interval has passed; of one series the
next to count is made after that. What was off is the difference in days between the date foretold and the
date on which the series met the limit. Somebody who made room in time makes a forecast false; that is the
point of it, and the sentence says so. Long before any date is due, the growth itself is checked: what a week
brought against what was foretold of it.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from fleet_collector import store
from fleet_collector.store import Database, Forecast, History

DAY_MS = 86_400_000.0
LOOK_BACK_DAYS = 90.0
SLACK_DAYS = 1.0  # a nightly sample sees a limit met up to a day late
ALL_BUT = 0.98  # of the way to the limit: memory ends before nothing is left, a volume for some before others
WEEK_DAYS = 7.0


@dataclass(frozen=True, kw_only=True)
class Hindsight:
    """``due`` forecasts could be checked: ``met`` came true in any time, ``inside`` within their interval.

    Of ``weeks`` forecasts the growth of a week could be, which in the median was off by ``median_off_part``.
    """

    due: int
    met: int
    inside: int
    median_off_days: float | None
    weeks: int = 0
    median_off_part: float | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one forecast; ``off_days`` is None if the limit was not met, else how many days late."""

    settled_at: float
    inside: bool
    off_days: float | None


def hindsight(database: Database, now: int) -> Hindsight:
    """Check the forecasts of the last months up to ``now`` (ms)."""
    since = now - round(LOOK_BACK_DAYS * DAY_MS)
    made: dict[int, list[Forecast]] = {}
    for _, forecast in store.forecasts(database, since=since, until=now):
        made.setdefault(forecast.series_id, []).append(forecast)
    outcomes: list[Outcome] = []
    weeks: list[float] = []
    for history in store.histories(database, made, since=since, until=now + 1):
        outcomes += _outcomes(made[history.series_id], history, now)
        weeks += _weeks(made[history.series_id], history)
    off = [abs(one.off_days) for one in outcomes if one.off_days is not None]
    return Hindsight(
        due=len(outcomes),
        met=len(off),
        inside=sum(one.inside for one in outcomes),
        median_off_days=statistics.median(off) if off else None,
        weeks=len(weeks),
        median_off_part=statistics.median(weeks) if weeks else None,
    )


def _weeks(made: Iterable[Forecast], history: History) -> Iterator[float]:
    """How far off the growth of the week after a forecast was, as a part of it; one forecast a week."""
    settled = 0.0
    for forecast in made:
        grown = forecast.slope_per_day * WEEK_DAYS
        due = forecast.made_at + WEEK_DAYS * DAY_MS
        seen = int(np.abs(history.at - due).argmin())
        if forecast.made_at < settled or not grown or abs(history.at[seen] - due) > SLACK_DAYS * DAY_MS / 2:
            continue
        settled = due
        yield abs(float(history.values[seen]) - forecast.value - grown) / abs(grown)


def _outcomes(made: Iterable[Forecast], history: History, now: int) -> Iterator[Outcome]:
    """Check one series' forecasts, oldest first; those made before the last one was settled are skipped."""
    settled = 0.0
    for forecast in made:
        if forecast.made_at < settled:
            continue
        outcome = _outcome(forecast, history, now)
        if outcome is None:
            return
        settled = outcome.settled_at
        yield outcome


def _outcome(forecast: Forecast, history: History, now: int) -> Outcome | None:
    """What became of a forecast; None if it is not yet due, dated nothing, or nobody looked any more."""
    limit, foretold, high = forecast.limit_value, forecast.eta_days, forecast.eta_high
    if limit is None or foretold is None:
        return None
    sign = 1.0 if forecast.slope_per_day > 0 else -1.0
    height = sign * (forecast.value + ALL_BUT * (limit - forecast.value))
    met = history.at[(history.at > forecast.made_at) & (sign * history.values >= height)]
    late = np.inf if high is None else forecast.made_at + (high + SLACK_DAYS) * DAY_MS
    if met.size:
        took = (float(met[0]) - forecast.made_at) / DAY_MS
        inside = (forecast.eta_low or 0.0) <= took and float(met[0]) <= late
        return Outcome(settled_at=float(met[0]), inside=inside, off_days=took - foretold)
    seen = late < now and history.at[-1] >= late - SLACK_DAYS * DAY_MS
    return Outcome(settled_at=late, inside=False, off_days=None) if seen else None
