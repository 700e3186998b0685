"""From the words of ``fleet trends`` to a survey of stored series."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import typer

from fleet_cli import histories, known, when
from fleet_cli.histories import History
from fleet_cli.settings import Settings
from fleet_collector import hindsight, outlook, store
from fleet_collector.errors import StoreError, UsageError
from fleet_collector.metrics import METRICS
from fleet_collector.store import Database
from fleet_collector.survey import Survey
from fleet_collector.survey import survey as look
from fleet_collector.wording import plain

Span = tuple[float, float]
LOOK_BACK = 60 * outlook.DAY


@dataclass(frozen=True, kw_only=True)
class Surveyed:
    """What rises now, and how far off earlier forecasts were."""

    survey: Survey
    hindsight: hindsight.Hindsight


def span(since: str | None, until: str | None) -> Span:
    """The window in seconds since the epoch; without ``since`` so long as shows what a trend can show."""
    start, end = when.span(since, until)
    end = time.time() if end is None else end
    return max(end - LOOK_BACK if start is None else start, 0.0), end


def survey(
    database: Database,
    words: Sequence[str] | None,
    metrics: Sequence[str] | None,
    window: Span,
    settings: Settings,
) -> Surveyed:
    """Look at all series; raises UsageError for unknown hosts, metrics and labels."""
    for metric in (word.partition(":")[0] for word in metrics or ()):
        known.check("metric", metric, METRICS)
        if METRICS[metric].worse is None or METRICS[metric].counter:
            raise UsageError(f"{metric} is a number that leads nowhere bad; see it with fleet history")
    start, end = (round(at * 1000) for at in window)
    names = known.names(database, words)
    if labelled := [word for word in metrics or () if ":" in word]:
        histories.chosen(database, names, labelled)  # refuses a label that nothing has
    found = _judged(database, look(database, names, metrics or None, since=start, until=end + 1), settings)
    return Surveyed(survey=found, hindsight=hindsight.hindsight(database, end))


def _judged(database: Database, found: Survey, settings: Settings) -> Survey:
    """The same, each host's by the thresholds of the groups it was in at its last scan."""
    names = {one.series.host for one in found.rising}
    groups = {scan.host: scan.groups for scan in store.latest(database, names)}
    own = [
        replace(one, thresholds=settings.thresholds_of(groups.get(one.series.host, ())))
        for one in found.rising
    ]
    return replace(found, rising=own)


def keep(database: Database, found: Surveyed) -> None:
    """Keep what was foretold, to be measured by what comes; who may only read has read all the same."""
    try:
        store.save_forecasts(database, outlook.foretold(found.survey.rising))
    except StoreError as fault:
        typer.echo(f"fleet: what was foretold is not kept: {plain(str(fault))}", err=True)


def one(database: Database, words: Sequence[str], window: Span) -> History:
    """The one series that ``HOST METRIC[:LABEL]`` names; raises UsageError if it is not one."""
    if len(words) != 2:
        raise UsageError(
            "--explain wants a host and a metric: fleet trends --explain web1 disk_used_bytes:/var"
        )
    hosts = known.names(database, [words[0]]) or []
    if len(hosts) > 1:
        raise UsageError(f"{words[0]!r} names {len(hosts):,} hosts; --explain is of one")
    found = histories.read(database, hosts, [words[1]], *window)
    if len(found) > 1:
        labels = ", ".join(plain(history.name) for history in found[:5])
        raise UsageError(f"{words[1]} is several series; name one: {labels}")
    return found[0]
