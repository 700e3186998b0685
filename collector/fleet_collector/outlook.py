"""Where one stored series is going: its trend against its real limit."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from fleet_collector import store
from fleet_collector.findings.finding import Severity
from fleet_collector.findings.thresholds import Thresholds
from fleet_collector.metrics import METRICS, Latest, limit_of
from fleet_collector.store import History, SeriesKey
from fleet_collector.trends import Trend, analyse

SURE = 0.9  # of what is listed as rising; the rest stands under "watch"
FORETOLD_DAYS = 365.0  # forecasts beyond are not kept: nobody will look back at them
SAME_ON = 3  # hosts from which on one line stands for all of them
ALIKE = 3.0  # times the slowest of them


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
    def severity(self) -> Severity:
        """Critical if the limit may be met within days, warning within weeks, ok beyond or without one."""
        low, limits = self.trend.eta_low, self.thresholds
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
        return analyse(at, values, limit), limit
    turned = analyse(at, [-value for value in values], None if limit is None else -limit)
    return _upright(turned), limit


def judged(
    key: SeriesKey, history: History, latest: Latest, thresholds: Thresholds | None = None
) -> Iterator[Outlook]:
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
            thresholds=thresholds or Thresholds(),
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


def folded(found: Iterable[Outlook]) -> list[list[Outlook]]:
    """The same trend on several hosts as one group, the most urgent first, in each group and of the groups.

    The same is: of one metric and label, growing at about one pace. On a host or two it stands alone.
    """
    alike: dict[tuple[str, str], list[Outlook]] = defaultdict(list)
    for one in found:
        alike[one.series.metric, one.series.label].append(one)
    groups = [group for same in alike.values() for group in _paced(same)]
    parts = [part for group in groups for part in ([group] if len(group) >= SAME_ON else _singly(group))]
    return sorted((sorted(part, key=urgency) for part in parts), key=lambda part: urgency(part[0]))


def _paced(same: Sequence[Outlook]) -> list[list[Outlook]]:
    groups: list[list[Outlook]] = []
    for one in sorted(same, key=lambda one: abs(one.trend.slope_per_day)):
        if groups and abs(one.trend.slope_per_day) <= ALIKE * abs(groups[-1][0].trend.slope_per_day):
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _singly(group: Sequence[Outlook]) -> list[list[Outlook]]:
    return [[one] for one in group]


def urgency(one: Outlook) -> tuple[float, float]:
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
