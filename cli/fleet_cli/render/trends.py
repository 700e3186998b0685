"""What is creeping up: first what breaks first, never a date without a range."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from fleet_cli.render.amounts import told
from fleet_cli.render.rising import believed, grid
from fleet_collector.findings.words import several
from fleet_collector.hindsight import Hindsight
from fleet_collector.outlook import DAY, SILENT_DAYS, Outlook, folded
from fleet_collector.survey import Survey
from fleet_collector.trends.reasons import span
from fleet_collector.wording import amount, moment, percent

COLUMNS = (
    "host",
    "metric",
    "label",
    "unit",
    "current",
    "slope_per_day",
    "confidence",
    "limit",
    "eta_days",
    "eta_low",
    "eta_high",
    "severity",
    "message",
)
MOST_WATCHED = 10


def rows(survey: Survey, now: float) -> list[dict[str, Any]]:
    """What is full, each trend that is sure, then each that is not; days count from the last sample."""
    return [
        {
            "host": one.series.host,
            "metric": one.series.metric,
            "label": one.series.label,
            "unit": one.unit,
            "current": one.current,
            "slope_per_day": one.trend.slope_per_day,
            "confidence": one.trend.confidence,
            "limit": one.limit,
            "eta_days": 0.0 if one.full else one.trend.eta_days,
            "eta_low": 0.0 if one.full else one.trend.eta_low,
            "eta_high": 0.0 if one.full else one.trend.eta_high,
            "severity": one.severity,
            "message": _message(one, now),
        }
        for one in (*survey.full, *survey.rising, *survey.watch)
    ]


def _message(one: Outlook, now: float) -> str:
    name = ":".join(part for part in (one.series.metric, one.series.label) if part)
    if one.full and one.limit is not None:
        met = f"at its limit of {amount(one.limit, one.unit)}" if one.limit else "used up"
        return f"{name} is {met} now, {one.trend.reason}"
    return f"{name} {told(one.trend, one.limit, one.unit, one.at, now)}"


def page(
    survey: Survey, hindsight: Hindsight, window: tuple[float, float], *, quiet: bool = False
) -> RenderableType:
    """The rising ones, what to watch, and what became of the rest; times count from the last scan of all."""
    now = reader(survey, window[1])
    listed = folded((*survey.full, *survey.rising))
    parts: list[RenderableType] = [] if quiet else [_head(survey, window), Text()]
    if listed:
        parts.append(grid("RISING", listed, now))
        parts += [] if quiet else believed(listed)
    elif not quiet:
        parts.append(_nothing(survey))
    if survey.watch and not quiet:
        groups = folded(survey.watch)
        parts += [Text(), grid("WATCH", groups[:MOST_WATCHED], now)]
        if len(groups) > MOST_WATCHED:
            parts.append(Text(f"and {len(groups) - MOST_WATCHED} more: --format json", style="dim"))
    rest = [] if quiet else _rest(survey, hindsight)
    return Group(*parts, *([Text(), *rest] if rest else []))


def reader(survey: Survey, end: float) -> float:
    """The time from which is told when limits are met: the end of the window, or of all scans before it."""
    return survey.newest if _silent(survey, end) and survey.newest is not None else end


def _silent(survey: Survey, end: float) -> bool:
    return survey.newest is not None and end - survey.newest > SILENT_DAYS * DAY


def _nothing(survey: Survey) -> Text:
    if not survey.hosts:
        return Text("Nothing of the kind was measured yet: fleet scan hosts.txt")
    if not survey.series:
        return Text("Nothing was measured in that time.")
    enough = survey.series > survey.too_little
    return Text("Nothing rises for sure.", style="green") if enough else Text("Too little history to judge.")


def _head(survey: Survey, window: tuple[float, float]) -> Text:
    counts = {
        "at the limit": len(survey.full),
        "rising": len(survey.rising),
        "to watch": len(survey.watch),
        "level": survey.level + sum(survey.quiet.values()),
        "with too little history": survey.too_little,
    }
    told_counts = ", ".join(
        f"{count:,} {word}" for word, count in counts.items() if count or word == "rising"
    )
    until = f"up to {moment(window[1])} UTC"
    if window[0] > 0:
        until = f"{span((window[1] - window[0]) / DAY)} to {moment(window[1])} UTC"
    if survey.newest is not None and _silent(survey, window[1]):
        until += f", the last scan {span((window[1] - survey.newest) / DAY)} before that"
    counted = f"{several(survey.hosts, 'host')}, {several(survey.series, 'series', 'series')}"
    return Text(f"{until} - {counted}: {told_counts}", style="dim")


def _rest(survey: Survey, hindsight: Hindsight) -> list[Text]:
    lines = []
    if survey.quiet:
        kinds = sorted(survey.quiet.items(), key=lambda item: -item[1])
        told_kinds = ", ".join(f"{count:,} {kind}" for kind, count in kinds)
        lines.append(Text(f"Not listed: {told_kinds}.", style="dim"))
    if hindsight.due:
        lines.append(Text(_past_error(hindsight), style="dim"))
    if hindsight.median_off_part is not None:
        said = f"A week after {several(hindsight.weeks, 'forecast')} the growth foretold was off by "
        lines.append(Text(f"{said}{percent(100 * hindsight.median_off_part)} in the median.", style="dim"))
    return lines


def _past_error(hindsight: Hindsight) -> str:
    """How far off earlier forecasts were; what was prevented cannot be told from what was wrong."""
    said = f"Of {several(hindsight.due, 'earlier forecast')} {hindsight.met} came true"
    if hindsight.median_off_days is not None:
        off = f"off by {hindsight.median_off_days:.1f} days in the median"
        said += f", {hindsight.inside} within the range, {off}"
    missed = hindsight.due - hindsight.met
    return f"{said}; {missed} did not, or somebody saw to it." if missed else f"{said}."
