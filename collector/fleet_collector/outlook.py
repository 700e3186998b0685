"""Where one stored series is going: its trend against its real limit."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fleet_collector import store
from fleet_collector.findings.finding import Severity
from fleet_collector.findings.thresholds import Thresholds
from fleet_collector.metrics import METRICS, Latest, limit_of
from fleet_collector.store import History, SeriesKey
from fleet_collector.trends import Trend, analyse
from fleet_collector.trends.model import Reset
from fleet_collector.trends.reasons import date

SURE = 0.9  # of what is listed as rising; the rest stands under "watch"
FORETOLD_DAYS = 365.0  # forecasts beyond are not kept: nobody will look back at them
SAME_ON = 3  # hosts from which on one line stands for all of them
ALIKE = 3.0  # times the slowest of them, and the earliest
ABOUT_A_WEEK = 7.0  # days between early ends that make no difference to who plans with them
DAY = 86400.0
# A series without samples for so long, and for three times its own pace, is not measured any more.
SILENT_DAYS = 3.0
# What is met from below and then stays there; a log or a process on a full machine has met nothing itself.
MET = frozenset(
    (
        "disk_used_bytes",
        "inodes_used_percent",
        "process_fds",
        "processes",
        "threads",
        "open_files",
        "time_wait",
        "local_ports_percent",
        "conntrack",
    )
)
AT_LIMIT = 0.99  # of it
EMPTIED = 0.5  # of what a log held: a rotation leaves little
BEYOND_ROTATION = 1.5  # times what it held before: nobody rotates it any more


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """One series and where it goes; ``current`` and ``limit`` in its own unit, times in seconds."""

    series: SeriesKey
    unit: str
    trend: Trend
    current: float
    at: float
    limit: float | None
    thresholds: Thresholds = field(default_factory=Thresholds)

    @property
    def full(self) -> bool:
        """Whether growth ended because there is no room left: nothing rises, and nothing is well."""
        if self.limit is None or self.trend.trending or self.trend.explanation == "level":
            return False
        if self.series.metric == "mem_available_bytes":
            return self.current <= (1.0 - AT_LIMIT) * max(self.trend.line_values, default=0.0)
        return self.series.metric in MET and self.current >= AT_LIMIT * self.limit > 0.0

    @property
    def severity(self) -> Severity:
        """Critical if the limit is met or may be within days, warning within weeks, ok beyond or without."""
        low, limits = self.trend.eta_low, self.thresholds
        if self.full:
            return "critical"
        if not self.trend.trending or self.trend.confidence < SURE or low is None:
            return "ok"
        if low > limits.trends_warning_days:
            return "ok"
        return "critical" if low <= limits.trends_critical_days else "warning"


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
        trend = analyse(at, values, limit)
        if metric == "log_bytes" and trend.trending:
            trend = _unless_rotated(trend, _rotations(at, values), values[-1])
        return trend, limit
    turned = analyse(at, [-value for value in values], None if limit is None else -limit)
    return _upright(turned), limit


def worsening(metric: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values of a metric turned so that more is worse."""
    return values if METRICS[metric].worse == "high" else -values


def _rotations(at: Sequence[float], values: Sequence[float]) -> tuple[Reset, ...]:
    """Where a log was emptied: files of logs do not shrink by themselves."""
    emptied = (i for i in range(1, len(values)) if values[i] < EMPTIED * values[i - 1])
    return tuple(Reset(at[i], values[i - 1], values[i]) for i in emptied)


def _unless_rotated(trend: Trend, rotations: tuple[Reset, ...], now: float) -> Trend:
    """The trend of a log, but of one that is on its way to the next rotation, not yet far beyond the last.

    One restart of a process proves nothing; one rotation of a log tells of the next.
    """
    if not rotations or now > BEYOND_ROTATION * max(reset.before for reset in rotations):
        return trend
    return replace(
        trend,
        trending=False,
        confidence=0.0,
        slope_per_day=0.0,
        slope_low=0.0,
        slope_high=0.0,
        eta_days=None,
        eta_low=None,
        eta_high=None,
        reason=f"rotates, last on {date(rotations[-1].at)}",
        explanation=None,
        rival=None,
        resets=rotations,
    )


def judged(key: SeriesKey, history: History, latest: Latest) -> Iterator[Outlook]:
    """The outlook of one history; nothing for numbers that lead nowhere bad."""
    at, values = (history.at / 1000.0).tolist(), history.values.tolist()
    found = outlook(key.metric, key.label, at, values, latest)
    if found is not None:
        yield Outlook(
            series=key,
            unit=METRICS[key.metric].unit,
            trend=found[0],
            current=values[-1],
            at=at[-1],
            limit=found[1],
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


def has_gone(last: float, now: float, pace_days: float) -> bool:
    """Whether a series with a sample every so many days ended long before ``now``: the host or the thing."""
    return now - last > max(SILENT_DAYS, 3.0 * pace_days) * DAY


def is_stale(trend: Trend, at: float, now: float) -> bool:
    """The same of a trend whose last sample was at ``at``."""
    return has_gone(at, now, trend.span_days / max(trend.samples - 1, 1))


def pace_before(trend: Trend) -> float | None:
    """How fast it grew a day before the present pace began, where that began with a bend."""
    if trend.explanation == "late growth":
        return 0.0
    if trend.explanation != "bend" or trend.since is None:
        return None
    until = bisect_left(trend.line_at, trend.since) - 1
    if until < 1:
        return None
    rise = trend.line_values[until] - trend.line_values[0]
    return rise / (trend.line_at[until] - trend.line_at[0]) * DAY


def folded(found: Iterable[Outlook]) -> list[list[Outlook]]:
    """The same trend on several hosts as one group, the most urgent first, in each group and of the groups.

    The same is: of one metric and label, at about one pace, with about as much time left. On a host or two it
    stands alone.
    """
    alike: dict[tuple[str, str, Severity], list[Outlook]] = defaultdict(list)
    for one in found:
        alike[one.series.metric, one.series.label, one.severity].append(one)
    groups = [group for same in alike.values() for paced in _paced(same) for group in _timed(paced)]
    parts = [part for group in groups for part in ([group] if len(group) >= SAME_ON else _singly(group))]
    return sorted((sorted(part, key=urgency) for part in parts), key=lambda part: urgency(part[0]))


def _paced(same: Iterable[Outlook]) -> list[list[Outlook]]:
    return _near(same, lambda one: abs(one.trend.slope_per_day), 0.0)


def _timed(same: Iterable[Outlook]) -> list[list[Outlook]]:
    return _near(same, lambda one: urgency(one)[0], ABOUT_A_WEEK)


def _near(same: Iterable[Outlook], of: Callable[[Outlook], float], more: float) -> list[list[Outlook]]:
    """Groups in which no number is over three times the least of its group, and ``more``."""
    groups: list[list[Outlook]] = []
    for one in sorted(same, key=of):
        if groups and of(one) <= ALIKE * of(groups[-1][0]) + more:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _singly(group: Sequence[Outlook]) -> list[list[Outlook]]:
    return [[one] for one in group]


def urgency(one: Outlook) -> tuple[float, float]:
    """What is full first, then by the early end of the forecast; without one, by relative growth."""
    early = -1.0 if one.full else one.trend.eta_low if one.trend.eta_low is not None else math.inf
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
