"""What the end of a sweep foretells: the few numbers of its hosts that may meet their limit within weeks.

It runs after every sweep, so it looks at little: numbers that are a good part of the way to a limit, and of
those only the ones whose recent pace could take them there. What is found is kept, and the rules of the next
scan say it. ``fleet trends`` looks at everything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from fleet_collector import store
from fleet_collector.metrics import METRICS, Latest, limit_of
from fleet_collector.outlook import MET, SURE, Outlook, foretold, judged, worsening
from fleet_collector.store import Database, History, SeriesKey
from fleet_collector.trends.samples import LEAST_SAMPLES
from fleet_collector.trends.screen import may_reach, may_rise

WINDOW_DAYS = 60
# A trend needs eight nights; what grew for so long and ends within two weeks has come a third of the way.
WITHIN_DAYS = 14.0
PART_OF_LIMIT = 0.25
DAY_MS = 86_400_000

FORETOLD = MET | {"log_bytes", "mem_available_bytes", "process_rss_bytes", "process_threads"}


def foretell(database: Database, names: Iterable[str], now: int) -> int:
    """Keep a forecast of every number of these hosts that ends soon; return how many. ``now`` in ms."""
    samples = store.latest_samples(database, names, before=now + 1)
    latest = store.by_host(samples)
    limits = {
        SeriesKey(series, host, metric, label): limit
        for series, host, metric, label, value in samples
        if metric in FORETOLD and (limit := _near(metric, label, value, latest[host])) is not None
    }
    by_id = {key.id: key for key in limits}
    since, until = now - WINDOW_DAYS * DAY_MS, now + 1
    soon: list[Outlook] = []
    for history in _due(store.histories(database, by_id, since=since, until=until), by_id, limits):
        key = by_id[history.series_id]
        soon += judged(key, history, latest.get(key.host, {}))
    made = foretold(one for one in soon if one.trend.trending and one.trend.confidence >= SURE)
    store.save_forecasts(database, made)
    return len(made)


def _near(metric: str, label: str, now: float, latest: Latest) -> float | None:
    """Return the limit of a series, turned so that more is worse; None if there is none or it is far."""
    limit = limit_of(metric, label, latest)
    if limit is None:
        return None
    if METRICS[metric].worse == "low":
        return -limit
    return limit if limit > 0 and now >= PART_OF_LIMIT * limit else None


def _due(
    histories: Iterable[History], keys: Mapping[int, SeriesKey], limits: Mapping[SeriesKey, float]
) -> Iterator[History]:
    """Yield what is worth an analysis; histories of one length are screened together."""
    blocks: dict[int, list[History]] = defaultdict(list)
    for history in histories:
        if len(history.at) >= LEAST_SAMPLES:
            blocks[len(history.at)].append(history)
    for block in blocks.values():
        of = [keys[history.series_id] for history in block]
        rows = np.array([worsening(key.metric, h.values) for key, h in zip(of, block, strict=True)])
        days = np.array([history.at for history in block]) / DAY_MS
        reach = may_reach(days, rows, np.array([limits[key] for key in of]), WITHIN_DAYS)
        due = np.flatnonzero(reach)
        yield from (block[row] for row in due[may_rise(rows[due])])
