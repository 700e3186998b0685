"""Where stored series are going: trends against their real limits, what breaks first on top."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fleet_collector import store
from fleet_collector.findings.finding import Severity
from fleet_collector.metrics import METRICS, Latest, limit_of
from fleet_collector.store import Database, History, SeriesKey
from fleet_collector.trends import Trend, analyse
from fleet_collector.trends.screen import LEAST_SAMPLES, may_rise

SURE = 0.9  # of what is listed as rising; the rest stands under "watch"
CRITICAL_DAYS = 3.0
WARNING_DAYS = 14.0
FORETOLD_DAYS = 365.0  # forecasts beyond are not kept: nobody will look back at them
AT_ONCE = 4096  # series of one length that are screened together

# Twins of another number: one line is enough for what is one and the same trend.
TWINS = {
    "disk_used_percent": "disk_used_bytes",
    "mem_used_percent": "mem_available_bytes",
    "swap_used_percent": "swap_used_bytes",
    "load1": "load15",
    "load5": "load15",
    "logs_total_bytes": "disk_used_bytes",
    "connections": "established",
}
LOOKED_AT = tuple(
    name for name, metric in METRICS.items() if metric.worse and not metric.counter and name not in TWINS
)


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """One series and where it goes; ``current`` and ``limit`` in its own unit, times in seconds."""

    series: SeriesKey
    unit: str
    trend: Trend
    current: float
    at: float
    limit: float | None

    @property
    def severity(self) -> Severity:
        """Critical if the limit may be met within days, warning within weeks, ok beyond or without one."""
        low = self.trend.eta_low
        if not self.trend.trending or self.trend.confidence < SURE or low is None:
            return "ok"
        return "critical" if low <= CRITICAL_DAYS else "warning" if low <= WARNING_DAYS else "ok"


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What rises for sure, what may, and how many of the others are quiet for which reason."""

    rising: list[Outlook]
    watch: list[Outlook]
    hosts: int
    series: int
    level: int
    too_little: int
    quiet: Mapping[str, int] = field(default_factory=dict)  # a trend's explanation -> how many


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


def survey(
    database: Database,
    names: Iterable[str] | None = None,
    metrics: Iterable[str] | None = None,
    *,
    since: int = 0,
    until: int = store.EVER,
) -> Survey:
    """Look at every series of these hosts and metrics (all that can go wrong) in a window of time (ms)."""
    keys = {key.id: key for key in store.series(database, names, metrics or LOOKED_AT)}
    hosts = {key.host for key in keys.values()}
    latest = store.latest_values(database, hosts)
    judged: list[Outlook] = []
    level = too_little = 0
    for history, due in _screened(store.histories(database, keys, since=since, until=until), keys):
        if len(history.at) < LEAST_SAMPLES:
            too_little += 1
        elif not due:
            level += 1
        else:
            judged += _judged(keys[history.series_id], history, latest)
    found = [one for one in judged if one.trend.trending]
    quiet = Counter(one.trend.explanation or "level" for one in judged if not one.trend.trending)
    return Survey(
        rising=sorted((one for one in found if one.trend.confidence >= SURE), key=_urgency),
        watch=sorted((one for one in found if one.trend.confidence < SURE), key=_urgency),
        hosts=len(hosts),
        series=level + too_little + len(judged),
        level=level + quiet.pop("level", 0),
        too_little=too_little,
        quiet=quiet,
    )


def foretold(found: Iterable[Outlook]) -> list[store.Forecast]:
    """What is to be kept of a survey, so that it can be measured by what comes."""
    return [
        store.Forecast(
            series_id=one.series.id,
            made_at=round(one.at * 1000),
            value=one.current,
            limit_value=one.limit,
            slope_per_day=one.trend.slope_per_day,
            confidence=one.trend.confidence,
            eta_days=one.trend.eta_days,
            eta_low=one.trend.eta_low,
            eta_high=one.trend.eta_high,
        )
        for one in found
        if one.trend.eta_days is None or one.trend.eta_days <= FORETOLD_DAYS
    ]


def folded(found: Sequence[Outlook]) -> list[list[Outlook]]:
    """The same metric and label on several hosts as one group, in the order of the most urgent of each."""
    groups: dict[tuple[str, str], list[Outlook]] = defaultdict(list)
    for one in found:
        groups[one.series.metric, one.series.label].append(one)
    return sorted(groups.values(), key=lambda group: _urgency(group[0]))


def _screened(histories: Iterable[History], keys: Mapping[int, SeriesKey]) -> Iterator[tuple[History, bool]]:
    """Each history with whether a full analysis is due, screened in blocks of equal length."""
    waiting: dict[int, list[History]] = defaultdict(list)
    for history in histories:
        block = waiting[len(history.at)]
        block.append(history)
        if len(block) >= AT_ONCE:
            yield from _screen(waiting.pop(len(history.at)), keys)
    for block in waiting.values():
        yield from _screen(block, keys)


def _screen(block: list[History], keys: Mapping[int, SeriesKey]) -> Iterator[tuple[History, bool]]:
    rows: NDArray[np.float64] = np.array(
        [h.values if METRICS[keys[h.series_id].metric].worse == "high" else -h.values for h in block]
    )
    return zip(block, may_rise(rows).tolist(), strict=True)


def _judged(key: SeriesKey, history: History, latest: Mapping[str, Latest]) -> Iterator[Outlook]:
    at, values = (history.at / 1000.0).tolist(), history.values.tolist()
    found = outlook(key.metric, key.label, at, values, latest.get(key.host, {}))
    if found is not None:
        trend, limit = found
        unit = METRICS[key.metric].unit
        yield Outlook(series=key, unit=unit, trend=trend, current=values[-1], at=at[-1], limit=limit)


def _urgency(one: Outlook) -> tuple[float, float]:
    """By the early end of the forecast; without one, by relative growth."""
    early = one.trend.eta_low if one.trend.eta_low is not None else math.inf
    return early, -abs(one.trend.slope_per_day) / max(abs(one.current), 1e-9)


def _upright(trend: Trend) -> Trend:
    """A trend of negated values as one of the values."""
    return replace(
        trend,
        slope_per_day=-trend.slope_per_day,
        slope_low=-trend.slope_high,
        slope_high=-trend.slope_low,
        line_values=tuple(-value for value in trend.line_values),
        resets=tuple(replace(reset, before=-reset.before, after=-reset.after) for reset in trend.resets),
        reason=_turned(trend.reason),
    )


def _turned(reason: str) -> str:
    words = {"grows": "falls", "falls": "grows", "grew": "fell", "growth": "fall", "rise": "fall"}
    return " ".join(words.get(word, word) for word in reason.split(" "))
