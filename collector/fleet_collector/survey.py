"""A look at every series of a fleet: what breaks first on top, and what became of the rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fleet_collector import store
from fleet_collector.metrics import METRICS
from fleet_collector.outlook import SURE, Outlook, is_stale, judged, urgency, worsening
from fleet_collector.store import Database, History, SeriesKey
from fleet_collector.trends import Trend
from fleet_collector.trends.samples import LEAST_SAMPLES
from fleet_collector.trends.screen import may_rise

AT_ONCE = 4096  # series of one length that are screened together
POINTS_AT_ONCE = 4_000_000  # that wait for it, of all lengths: 64 MB

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
INSTEAD = {
    "level": "level",
    "step": "one-off step",
    "two steps": "one-off step",
    "early growth": "growth that ended",
    "early growth and step": "growth that ended",
    "ramp": "growth that ended",
    "plateau": "levelled off",
}
LOOKED_AT = tuple(
    name for name, metric in METRICS.items() if metric.worse and not metric.counter and name not in TWINS
)


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What is full, what rises for sure, what may, and how many of the others are quiet for which reason.

    ``newest`` is the time of the newest sample of all (seconds since the epoch), None where there is none.
    """

    full: list[Outlook]
    rising: list[Outlook]
    watch: list[Outlook]
    newest: float | None
    hosts: int
    series: int
    level: int
    too_little: int
    quiet: Mapping[str, int] = field(default_factory=dict)  # what it is instead of a trend -> how many


def survey(
    database: Database,
    names: Iterable[str] | None = None,
    metrics: Iterable[str] | None = None,
    *,
    since: int = 0,
    until: int = store.EVER,
) -> Survey:
    """Look at every series of these hosts and metrics (all that can go wrong) in a window of time (ms).

    A metric may be named with a label: ``disk_used_bytes:/var``.
    """
    keys = {key.id: key for key in _chosen(database, names, list(metrics or LOOKED_AT))}
    hosts = {key.host for key in keys.values()}
    latest = store.latest_values(database, hosts, before=until)
    seen: list[Outlook] = []
    series = too_little = newest = 0
    for history, due in _screened(store.histories(database, keys, since=since, until=until), keys):
        series += 1
        newest = max(newest, int(history.at[-1]))
        too_little += len(history.at) < LEAST_SAMPLES
        if due:
            key = keys[history.series_id]
            seen += judged(key, history, latest.get(key.host, {}))
    last = newest / 1000 if series else None
    return _sorted(seen, last, hosts=len(hosts), series=series, too_little=too_little)


def _sorted(seen: list[Outlook], last: float | None, *, hosts: int, series: int, too_little: int) -> Survey:
    """Sort what was looked at closely by what it is; what was not, and is long enough, is level."""
    there = [one for one in seen if last is not None and not is_stale(one.trend, one.at, last)]
    found = [one for one in there if one.trend.trending]
    full = [one for one in there if one.full]
    rest = [one for one in seen if not (one.trend.trending or one.full)]
    quiet = Counter(_instead(one.trend) for one in rest)
    quiet["no longer measured"] = len(seen) - len(found) - len(full) - len(rest)
    level = quiet.pop("level", 0)
    return Survey(
        full=sorted(full, key=urgency),
        rising=sorted((one for one in found if one.trend.confidence >= SURE), key=urgency),
        watch=sorted((one for one in found if one.trend.confidence < SURE), key=urgency),
        newest=last,
        hosts=hosts,
        series=series,
        level=level + series - too_little - len(seen),
        too_little=too_little,
        quiet={kind: count for kind, count in quiet.items() if count},
    )


def _chosen(database: Database, names: Iterable[str] | None, words: Sequence[str]) -> list[SeriesKey]:
    asked = {(metric, label) for metric, _, label in (word.partition(":") for word in words)}
    every = store.series(database, names, {metric for metric, _ in asked})
    return [key for key in every if (key.metric, "") in asked or (key.metric, key.label) in asked]


def _instead(trend: Trend) -> str:
    """What a series is that looked as if it might rise and does not."""
    if trend.resets:
        return "sawtooth"
    kind = trend.explanation or "level"
    if kind == "level" and trend.removed:
        return "cycle only"
    return INSTEAD.get(kind, "not clear of the noise")


def _screened(histories: Iterable[History], keys: Mapping[int, SeriesKey]) -> Iterator[tuple[History, bool]]:
    """Each history with whether a full analysis is due, screened in blocks of equal length."""
    waiting: dict[int, list[History]] = defaultdict(list)
    points = 0
    for history in histories:
        length = len(history.at)
        waiting[length].append(history)
        points += length
        if len(waiting[length]) >= AT_ONCE:
            block = waiting.pop(length)
            points -= length * len(block)
            yield from _screen(block, keys)
        elif points > POINTS_AT_ONCE:
            blocks, waiting, points = list(waiting.values()), defaultdict(list), 0
            for block in blocks:
                yield from _screen(block, keys)
    for block in waiting.values():
        yield from _screen(block, keys)


def _screen(block: list[History], keys: Mapping[int, SeriesKey]) -> Iterator[tuple[History, bool]]:
    rows = np.array([worsening(keys[history.series_id].metric, history.values) for history in block])
    return zip(block, may_rise(rows).tolist(), strict=True)
