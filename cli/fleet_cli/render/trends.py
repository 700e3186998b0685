"""What is creeping up: first what breaks first, never a date without a range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from fleet_cli.histories import History
from fleet_cli.render import terminal
from fleet_cli.render.amounts import DAY, reached, signed, told
from fleet_cli.render.sparkline import sparkline
from fleet_collector.findings.words import several
from fleet_collector.folding import fold
from fleet_collector.hindsight import Hindsight
from fleet_collector.outlook import Outlook, folded
from fleet_collector.survey import Survey
from fleet_collector.wording import amount, day, moment, percent, plain

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
WIDE = 120  # columns of a terminal from which on there is room for intervals
WHAT = {
    "disk_used_bytes": "disk",
    "inodes_used_percent": "inodes",
    "log_bytes": "log",
    "mem_available_bytes": "memory left",
    "process_rss_bytes": "memory of process",
    "process_fds": "file descriptors",
    "time_wait": "TIME_WAIT",
}


def rows(survey: Survey, now: float) -> list[dict[str, Any]]:
    """Each trend that is sure, then each that is not, for scripts; days count from the last sample."""
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
            "eta_days": one.trend.eta_days,
            "eta_low": one.trend.eta_low,
            "eta_high": one.trend.eta_high,
            "severity": one.severity,
            "message": f"{one.series.metric} {told(one.trend, one.limit, one.unit, one.at, now)}",
        }
        for one in (*survey.rising, *survey.watch)
    ]


def page(
    survey: Survey, hindsight: Hindsight, window: tuple[float, float], *, quiet: bool = False
) -> RenderableType:
    """The rising ones, what to watch, and what became of the rest."""
    parts: list[RenderableType] = [] if quiet else [_head(survey, window), Text()]
    if survey.rising:
        parts.append(_grid("RISING", folded(survey.rising), window[1]))
    elif not quiet:
        parts.append(Text("Nothing rises for sure.", style="green"))
    if survey.watch and not quiet:
        groups = folded(survey.watch)
        parts += [Text(), _grid("WATCH", groups[:MOST_WATCHED], window[1])]
        if len(groups) > MOST_WATCHED:
            parts.append(Text(f"and {len(groups) - MOST_WATCHED} more: --format json", style="dim"))
    if not quiet:
        parts += [Text(), *_rest(survey, hindsight)]
    return Group(*parts)


def _head(survey: Survey, window: tuple[float, float]) -> Text:
    counts = {
        "rising": len(survey.rising),
        "to watch": len(survey.watch),
        "level": survey.level + sum(survey.quiet.values()),
        "with too little history": survey.too_little,
    }
    told_counts = ", ".join(
        f"{count:,} {word}" for word, count in counts.items() if count or word == "rising"
    )
    days = (window[1] - window[0]) / DAY
    span = (
        f"{days:,.0f} days to {moment(window[1])} UTC" if window[0] > 0 else f"up to {moment(window[1])} UTC"
    )
    counted = f"{several(survey.hosts, 'host')}, {several(survey.series, 'series', 'series')}"
    return Text(f"{span} - {counted}: {told_counts}", style="dim")


def _grid(title: str, groups: Sequence[Sequence[Outlook]], now: float) -> RenderableType:
    wide = terminal.out().width >= WIDE
    columns = ("AT ITS LIMIT", "HOST", "NOW", "A DAY (90 %)" if wide else "A DAY", "SURE")
    grid = terminal.table(title, *columns, *(["SINCE"] if wide else []))
    for group in groups:
        grid.add_row(*_cells(group, now, wide=wide))
    return grid


def _cells(group: Sequence[Outlook], now: float, *, wide: bool) -> list[Any]:
    one = group[0]
    trend, unit, metric = one.trend, one.unit, one.series.metric
    where = plain(fold([each.series.host for each in group]), 40)
    what = WHAT.get(metric, metric.removesuffix("_bytes").replace("_", " "))
    cells: list[Any] = [
        Text(f"{what} {plain(one.series.label, 50)}".rstrip(), terminal.STYLES[one.severity]),
        _limit(one, now),
        f"{where} ({len(group)} hosts)" if len(group) > 1 else where,
        amount(one.current, unit) + (f" / {amount(one.limit, unit)}" if one.limit and wide else ""),
        _slopes(group, unit) if wide else signed(trend.slope_per_day, unit),
        percent(100 * min(each.trend.confidence for each in group)),
    ]
    return [*cells, day(trend.since) if trend.since else ""] if wide else cells


def _limit(one: Outlook, now: float) -> str:
    if one.limit is None:
        return "no limit"
    when = reached(one.trend, one.at, now)
    return {"now": "at its limit now", "in more than 2 years": "> 2 years"}.get(when, when)


def _slopes(group: Sequence[Outlook], unit: str) -> str:
    """The slope of the first, and the interval that holds those of all."""
    ends = [end for one in group for end in (one.trend.slope_low, one.trend.slope_high)]
    low, high = sorted((min(ends), max(ends)), key=abs)
    slope = group[0].trend.slope_per_day
    return f"{signed(slope, unit)} ({amount(abs(low), unit)} to {amount(abs(high), unit)})"


def _rest(survey: Survey, hindsight: Hindsight) -> list[Text]:
    lines = []
    if survey.quiet:
        kinds = sorted(survey.quiet.items(), key=lambda item: -item[1])
        told_kinds = ", ".join(f"{count:,} {kind}" for kind, count in kinds)
        lines.append(Text(f"Not listed: {told_kinds}.", style="dim"))
    if hindsight.due:
        lines.append(Text(_past_error(hindsight), style="dim"))
    return lines


def _past_error(hindsight: Hindsight) -> str:
    """How far off earlier forecasts were; what was prevented cannot be told from what was wrong."""
    said = f"Of {several(hindsight.due, 'earlier forecast')} {hindsight.met} came true"
    if hindsight.median_off_days is not None:
        off = f"off by {hindsight.median_off_days:.1f} days in the median"
        said += f", {hindsight.inside} within the range, {off}"
    missed = hindsight.due - hindsight.met
    return f"{said}; {missed} did not, or somebody saw to it." if missed else f"{said}."


def explanation(history: History, now: float) -> RenderableType:
    """Why one series is believed to rise, or not: the fit, what was removed, the rival explanation."""
    unit = history.metric.unit
    head = Text.assemble((plain(history.host), "bold"), "  ", (plain(history.name), "bold"))
    trend = history.trend
    if trend is None or not history.at:
        return Group(head, Text("no trend in such a number, or nothing measured", style="dim"))
    grid = terminal.table("", "")
    grid.add_row("measured", sparkline(history.at, history.values))
    if trend.line_at:
        grid.add_row("explained", sparkline(trend.line_at, trend.line_values))
    grid.add_row("verdict", told(trend, history.limit, unit, history.at[-1], now))
    grid.add_row("samples", f"{trend.samples:,} over {trend.span_days:,.0f} days")
    if trend.explanation:
        grid.add_row("likeliest", plain(trend.explanation))
    if trend.rival:
        grid.add_row("rival", f"{plain(trend.rival)}, {percent(100 * trend.rival_probability)} likely")
    grid.add_row("steps", ", ".join(moment(at) for at in trend.steps) or "none")
    grid.add_row("resets", ", ".join(moment(reset.at) for reset in trend.resets[-5:]) or "none")
    grid.add_row("cycles removed", ", ".join(trend.removed) or "none")
    if trend.smallest_slope is not None:
        grid.add_row("could have shown", f"{amount(trend.smallest_slope, unit)} a day and more")
    return Group(head, grid)
