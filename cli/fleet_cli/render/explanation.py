"""Why one series is believed to rise, or not: measured beside explained, and what else it might be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from fleet_cli.histories import History
from fleet_cli.render import terminal
from fleet_cli.render.amounts import told
from fleet_cli.render.sparkline import frame, marks, sparkline
from fleet_collector.findings.words import several
from fleet_collector.metrics import Metric
from fleet_collector.trends import Trend
from fleet_collector.trends.reasons import span
from fleet_collector.wording import amount, moment, percent, plain

UNLIKELY = 0.001
KINDS = {
    "step": "one step, level before and after",
    "two steps": "two steps, level between",
    "early growth": "growth that ended",
    "plateau": "growth that levelled off",
    "ramp": "growth for a while, level before and after",
    "early growth and step": "growth that ended, and a step",
    "line": "steady growth",
    "late growth": "level, then growth",
    "accelerating": "growth that speeds up",
    "bend": "growth that changed its pace",
    "line and step": "steady growth, and a step",
    "line and two steps": "steady growth, and two steps",
    "late growth and step": "level, then growth, and a step",
}


def explanation(history: History) -> RenderableType:
    """Why one series is believed to rise, or not: the fit, what was removed, the rival explanation."""
    unit = history.metric.unit
    head = Text.assemble((plain(history.host), "bold"), "  ", (plain(history.name), "bold"))
    trend = history.trend
    if not history.at:
        return Group(head, Text("nothing was measured in that time", style="dim"))
    if trend is None:
        return Group(head, Text("trend: not looked for in a number of this kind", style="dim"))
    grid = terminal.table("", "")
    for name, drawn in drawings(history.at, history.values, trend).items():
        grid.add_row(name, Text(drawn, no_wrap=True))
    grid.add_row("verdict", told(trend, history.limit, unit, history.at[-1], history.now))
    if trend.trending:
        grid.add_row("a day", f"{amount(trend.slope_low, unit)} to {amount(trend.slope_high, unit)} (90 %)")
    grid.add_row("samples", f"{trend.samples:,} over {span(trend.span_days)}")
    if trend.explanation:
        grid.add_row("likeliest", _kind(trend.explanation, history.metric))
        grid.add_row("rival", _rival(trend, history.metric))
    begins = _begins(trend)
    if begins is not None:
        grid.add_row("present pace (B)", f"since {moment(begins)}")
    grid.add_row("steps (S)", _moments(trend.steps))
    grid.add_row("resets (R)", _moments([reset.at for reset in trend.resets]))
    grid.add_row("cycles removed", ", ".join(trend.removed) or "none")
    if trend.smallest_slope is not None:
        grid.add_row("could have shown", f"{amount(trend.smallest_slope, unit)} a day and more")
    return Group(head, grid)


def because(trend: Trend, metric: Metric) -> str:
    """In one line what was seen, on how much, what was taken out, and the rival explanation."""
    seen = _kind(trend.explanation or "growth", metric)
    said = [f"{seen}, {several(trend.samples, 'sample')} over {span(trend.span_days)}"]
    said += [f"{' and '.join(trend.removed)} removed"] if trend.removed else []
    return "; ".join([*said, f"against it {_rival(trend, metric)}"])


def drawings(at: Sequence[float], values: Sequence[float], trend: Trend) -> dict[str, str]:
    """The series, its explanation on the same scale, and below a letter where it bends, steps or is reset."""
    shown = frame(at, [*values, *trend.line_values])
    drawn = {"measured": sparkline(at, values, within=shown)}
    if trend.line_at:
        inside = [when for when in at if trend.line_at[0] <= when <= trend.line_at[-1]]
        fit = np.interp(inside, trend.line_at, trend.line_values).tolist()
        drawn["explained"] = sparkline(inside, fit, within=shown)
    places = _places(trend)
    if places:
        drawn[""] = marks(shown, places)
    return drawn


def _places(trend: Trend) -> list[tuple[float, str]]:
    begins = _begins(trend)
    steps, resets = [(at, "S") for at in trend.steps], [(reset.at, "R") for reset in trend.resets]
    return ([(begins, "B")] if begins is not None else []) + steps + resets


def _begins(trend: Trend) -> float | None:
    """When the present pace began, where that is neither the start of all nor a step."""
    bends = trend.since is not None and bool(trend.line_at) and trend.since > trend.line_at[0]
    return trend.since if bends and trend.since not in trend.steps else None


def _kind(kind: str, metric: Metric) -> str:
    """An explanation in plain words; a number that is bad when low does not grow but fall."""
    words = KINDS.get(kind, plain(kind))
    return words.replace("growth", "fall") if metric.worse == "low" else words


def _rival(trend: Trend, metric: Metric) -> str:
    """The likeliest explanation to the contrary and its margin: how likely it is."""
    if trend.rival is None or trend.rival_probability < UNLIKELY:
        return "nothing that is 0.1 % likely"
    return f"{_kind(trend.rival, metric)}, {percent(100 * trend.rival_probability)} likely"


def _moments(times: Sequence[float], most: int = 3) -> str:
    told_times = ", ".join(moment(at) for at in times[-most:]) or "none"
    return f"{len(times)}, the last {told_times}" if len(times) > most else told_times
