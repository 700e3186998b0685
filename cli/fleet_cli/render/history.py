"""A number over time: sparkline, summary, trend; or a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from fleet_cli.histories import History
from fleet_cli.render import terminal
from fleet_cli.render.amounts import reached, signed, told
from fleet_cli.render.sparkline import sparkline
from fleet_cli.when import iso
from fleet_collector.findings.words import several
from fleet_collector.wording import amount, day, moment, plain

if TYPE_CHECKING:
    from fleet_collector.trends import Trend

COLUMNS = ("host", "metric", "label", "unit", "at", "value")
CHANGE_COLUMNS = ("host", "at", "kind", "subject", "before", "after")
WIDE = 100  # columns of a terminal from which on there is room for more than the least
LAST = 10  # points written out below a sparkline


def document(histories: Sequence[History]) -> dict[str, Any]:
    """One series as the object that scripts know; several under ``series``."""
    series = [_series(history) for history in histories]
    return {"schema": 1, **series[0]} if len(series) == 1 else {"schema": 1, "series": series}


def _series(history: History) -> dict[str, Any]:
    return {
        "host": history.host,
        "metric": history.metric.name,
        "label": history.label,
        "unit": history.metric.unit,
        "points": [
            {"at": iso(at), "value": value} for at, value in zip(history.at, history.values, strict=True)
        ],
        "trend": None if history.trend is None else _trend_document(history.trend, history.limit),
    }


def _trend_document(trend: Trend, limit: float | None) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(trend),
        "limit": limit,
        "since": None if trend.since is None else iso(trend.since),
        "line_at": [iso(at) for at in trend.line_at],
        "steps": [iso(at) for at in trend.steps],
        "resets": [{**msgspec.to_builtins(reset), "at": iso(reset.at)} for reset in trend.resets],
    }


def points(histories: Sequence[History]) -> list[dict[str, Any]]:
    """Every point a row."""
    return [
        {
            "host": history.host,
            "metric": history.metric.name,
            "label": history.label,
            "unit": history.metric.unit,
            "at": iso(at),
            "value": value,
        }
        for history in histories
        for at, value in zip(history.at, history.values, strict=True)
    ]


def page(histories: Sequence[History], *, glance: bool) -> RenderableType:
    """A line each at a glance or where there are many; else sparkline, summary, trend and the last points."""
    if not any(history.at for history in histories):
        return Text("nothing was measured in that time", style="dim")
    if glance or len(histories) > 4:
        return _lines(histories)
    return Group(*(part for history in histories for part in _one(history)))


def _lines(histories: Sequence[History]) -> RenderableType:
    wide = terminal.out().width >= WIDE
    span = ("LOWEST", "HIGHEST", "OVER TIME") if wide else ("OVER TIME",)
    grid = terminal.table("HOST", "METRIC", "NOW", *span, "TREND")
    for history in histories:
        if not history.at:
            continue
        unit = history.metric.unit
        ends = [amount(end, unit) for end in (min(history.values), max(history.values))] if wide else []
        grid.add_row(
            plain(history.host, 40),
            plain(history.name, 50),
            amount(history.values[-1], unit) + (f" ({day(history.at[-1])})" if history.stale else ""),
            *ends,
            sparkline(history.at, history.values, 24 if wide else 12),
            _briefly(history),
        )
    return grid


def _briefly(history: History) -> str:
    trend = history.trend
    if history.stale:
        return f"not measured since {day(history.at[-1])}"
    if trend is None or not trend.trending:
        return plain(trend.reason, 60) if trend else ""
    pace = f"{signed(trend.slope_per_day, history.metric.unit)} a day"
    return pace if history.limit is None else f"{pace}, limit {reached(trend, history.at[-1], history.now)}"


def _one(history: History) -> list[RenderableType]:
    unit = history.metric.unit
    head = Text.assemble(
        (plain(history.host), "bold"), "  ", (plain(history.name), "bold"), f"  {history.metric.meaning}"
    )
    if not history.at:
        return [head, Text("nothing was measured in that time", style="dim"), Text()]
    ordered = sorted(history.values)
    last = moment(history.at[-1])
    span = f"{several(len(history.at), 'point')}, {moment(history.at[0])} to {last} UTC"
    amounts = {
        f"on {last}" if history.stale else "now": history.values[-1],
        "lowest": ordered[0],
        "median": ordered[len(ordered) // 2],
        "highest": ordered[-1],
    }
    return [
        head,
        Text.assemble("  ", (sparkline(history.at, history.values), "cyan"), (f"  {span}", "dim")),
        Text("  " + ", ".join(f"{word} {amount(one, unit)}" for word, one in amounts.items())),
        Text.assemble("  trend: ", _trend(history)),
        _last(history),
        Text(),
    ]


def _trend(history: History) -> Text:
    if history.trend is None:
        return Text("not looked for in a number of this kind", style="dim")
    style = "yellow" if history.trend.trending else ""
    return Text(
        told(history.trend, history.limit, history.metric.unit, history.at[-1], history.now), style=style
    )


def _last(history: History) -> RenderableType:
    grid = terminal.table("", "")
    for at, one in list(zip(history.at, history.values, strict=True))[-LAST:]:
        grid.add_row(f"  {moment(at)}", amount(one, history.metric.unit))
    return grid


def changes(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """What changed, oldest first."""
    if not rows:
        return Text("nothing changed in that time", style="dim")
    grid = terminal.table("AT", "HOST", "WHAT", "", "BEFORE", "AFTER")
    for row in rows:
        cells = (
            plain(str(row[key]), 90) if row[key] is not None else "-"
            for key in ("kind", "subject", "before", "after")
        )
        grid.add_row(row["at"][:16].replace("T", " "), plain(row["host"], 40), *cells)
    return grid


def plots(histories: Sequence[History]) -> RenderableType:
    """A plot for each series, with its trend line and its limit where that is near."""
    return Group(*(_plot(history) for history in histories if history.at))


def _plot(history: History) -> Text:
    import plotext

    scale, unit = _scale(history)
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(min(terminal.out().width, 120), 22)
    trend = history.trend
    if trend is not None and trend.line_at:
        fit = [one / scale for one in trend.line_values]
        plotext.plot(list(trend.line_at), fit, marker="braille", label=f"trend: {_briefly(history)}")
    plotext.scatter(history.at, [one / scale for one in history.values], marker="dot", label="measured")
    top, bottom = max(history.values) / scale, min(history.values) / scale
    if history.limit is not None and history.limit / scale <= 2 * top:
        limit = history.limit / scale
        top, bottom = max(top, limit), min(bottom, limit)
        ends = [history.at[0], history.at[-1]]
        plotext.plot(
            ends, [limit, limit], marker="-", label=f"limit {amount(history.limit, history.metric.unit)}"
        )
    room = 0.08 * ((top - bottom) or abs(top) or 1.0)
    plotext.ylim(bottom - room, top + room)
    plotext.title(f"{plain(history.host)}  {plain(history.name)}  {unit}")
    _date_ticks(history.at)
    return Text.from_ansi(plotext.build())


def _scale(history: History) -> tuple[float, str]:
    unit = history.metric.unit
    if unit != "bytes":
        return 1.0, unit
    top, power = max(map(abs, history.values), default=0.0), 0
    while top >= 1024 and power < 4:
        top, power = top / 1024, power + 1
    return 1024.0**power, ("B", "KiB", "MiB", "GiB", "TiB")[power]


def _date_ticks(at: Sequence[float]) -> None:
    import plotext

    parts = 4 if terminal.out().width >= 100 else 2
    places = [at[0] + (at[-1] - at[0]) * part / parts for part in range(parts + 1)]
    plotext.xticks(places, [moment(place) for place in places])
