"""What is creeping up: first what breaks first, never a date without a range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from fleet_cli.histories import History
from fleet_cli.render import terminal
from fleet_cli.render.amounts import reached, told, value
from fleet_cli.render.sparkline import sparkline
from fleet_collector.folding import fold
from fleet_collector.hindsight import Hindsight
from fleet_collector.outlook import Outlook, Survey, folded
from fleet_collector.trends import Trend
from fleet_collector.wording import moment, number, percent, plain

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
SAME_ON = 3  # hosts from which on one line stands for all of them


def rows(survey: Survey) -> list[dict[str, Any]]:
    """Each trend that is sure, then each that is not, for scripts."""
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
            "message": f"{one.series.metric} {told(one.trend, one.limit, one.unit)}",
        }
        for one in (*survey.rising, *survey.watch)
    ]


def page(
    survey: Survey, hindsight: Hindsight, window: tuple[float, float], *, quiet: bool = False
) -> RenderableType:
    """The rising ones, what to watch, and what became of the rest."""
    parts: list[RenderableType] = [] if quiet else [_head(survey, window), Text()]
    if survey.rising:
        parts.append(_grid("RISING", survey.rising))
    elif not quiet:
        parts.append(Text("Nothing rises for sure.", style="green"))
    if survey.watch and not quiet:
        parts += [Text(), _grid("WATCH", survey.watch[:MOST_WATCHED])]
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
    days = (window[1] - window[0]) / 86400
    looked = f"{days:,.0f} days to {moment(window[1])} UTC, {survey.hosts:,} hosts, {survey.series:,} series"
    return Text(f"{looked}: {told_counts}", style="dim")


def _grid(title: str, found: Sequence[Outlook]) -> RenderableType:
    grid = terminal.table(title, "AT ITS LIMIT", "HOST", "WHAT", "NOW", "A DAY (90 %)", "SURE", "SINCE")
    for group in folded(found):
        for part in [group] if len(group) >= SAME_ON else [[one] for one in group]:
            grid.add_row(*_cells(part))
    return grid


def _cells(group: Sequence[Outlook]) -> tuple[Any, ...]:
    one = group[0]
    trend, unit = one.trend, one.unit
    where = fold([each.series.host for each in group])
    now = value(one.current, unit) + (f" / {value(one.limit, unit)}" if one.limit else "")
    return (
        Text(one.series.metric.removesuffix("_bytes").replace("_", " "), style=terminal.STYLES[one.severity]),
        reached(trend) if one.limit is not None else "no limit",
        plain(where, 40) + (f" ({len(group)} hosts)" if len(group) > 1 else ""),
        plain(one.series.label, 50),
        now,
        _slope(trend, unit),
        percent(100 * trend.confidence),
        moment(trend.since)[:-6] if trend.since else "",
    )


def _slope(trend: Trend, unit: str) -> str:
    sign = "+" if trend.slope_per_day > 0 else ""
    between = f"{value(trend.slope_low, unit)} to {value(trend.slope_high, unit)}"
    return f"{sign}{value(trend.slope_per_day, unit)} ({between})"


def _rest(survey: Survey, hindsight: Hindsight) -> list[Text]:
    lines = []
    if survey.quiet:
        kinds = sorted(survey.quiet.items(), key=lambda item: -item[1])
        told_kinds = ", ".join(f"{number(count)} {kind}" for kind, count in kinds)
        lines.append(Text(f"Not listed: {told_kinds}.", style="dim"))
    if hindsight.due:
        off = hindsight.median_off_days
        said = f", off by {off:.1f} days in the median" if off is not None else ""
        lines.append(
            Text(
                f"Of {hindsight.due} earlier forecasts {hindsight.met} came true, "
                f"{hindsight.inside} within their range{said}.",
                style="dim",
            )
        )
    return lines


def explanation(history: History) -> RenderableType:
    """Why one series is believed to rise, or not: the fit, what was removed, the rival, the smallest slope."""
    unit = history.metric.unit
    head = Text.assemble((plain(history.host), "bold"), "  ", (plain(history.name), "bold"))
    trend = history.trend
    if trend is None or not history.at:
        return Group(head, Text("no trend in such a number, or nothing measured", style="dim"))
    grid = terminal.table("", "")
    grid.add_row("measured", sparkline(history.at, history.values))
    if trend.line_at:
        grid.add_row("explained", sparkline(trend.line_at, trend.line_values))
    grid.add_row("verdict", told(trend, history.limit, unit))
    grid.add_row("samples", f"{trend.samples:,} over {trend.span_days:,.0f} days")
    if trend.explanation:
        grid.add_row("likeliest", plain(trend.explanation))
    if trend.rival:
        grid.add_row("rival", f"{plain(trend.rival)}, {percent(100 * trend.rival_probability)} likely")
    grid.add_row("steps", ", ".join(moment(at) for at in trend.steps) or "none")
    grid.add_row("resets", ", ".join(moment(reset.at) for reset in trend.resets[-5:]) or "none")
    grid.add_row("cycles removed", ", ".join(trend.removed) or "none")
    if trend.smallest_slope is not None:
        grid.add_row("could have shown", f"{value(trend.smallest_slope, unit)} a day and more")
    return Group(head, grid)
