"""What is creeping up: first what breaks first, never a date without a range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from fleet_cli.render import terminal
from fleet_cli.render.amounts import DAY, due, signed, sure, told
from fleet_collector.findings.words import several
from fleet_collector.folding import fold
from fleet_collector.hindsight import Hindsight
from fleet_collector.outlook import SILENT_DAYS, Outlook, folded, pace_before
from fleet_collector.survey import Survey
from fleet_collector.trends import Trend
from fleet_collector.trends.reasons import span
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
ROOMY, WIDE, WIDEST = (
    100,
    120,
    140,
)  # columns of a terminal from which on there is room for more than the least
LONG_LABEL, SHORT_LABEL = 32, 22  # letters of a path; the two ends of it say which it is
WHAT = {
    "disk_used_bytes": "disk",
    "inodes_used_percent": "inodes",
    "log_bytes": "log",
    "mem_available_bytes": "memory left",
    "process_rss_bytes": "memory of",
    "process_fds": "file descriptors",
    "process_threads": "threads of",
    "process_cpu_percent": "CPU of",
    "time_wait": "TIME_WAIT",
    "close_wait": "CLOSE_WAIT",
    "established": "ESTABLISHED",
    "syn_recv": "SYN_RECV",
    "syn_sent": "SYN_SENT",
    "local_ports_percent": "local ports",
    "conntrack": "tracked connections",
}


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
        return f"{name} is at its limit of {amount(one.limit, one.unit)} now, {one.trend.reason}"
    return f"{name} {told(one.trend, one.limit, one.unit, one.at, now)}"


def page(
    survey: Survey, hindsight: Hindsight, window: tuple[float, float], *, quiet: bool = False
) -> RenderableType:
    """The rising ones, what to watch, and what became of the rest; times count from the last scan of all."""
    now = reader(survey, window[1])
    listed = folded((*survey.full, *survey.rising))
    parts: list[RenderableType] = [] if quiet else [_head(survey, window), Text()]
    if listed:
        parts.append(_grid("RISING", listed, now))
    elif not quiet:
        parts.append(_nothing(survey))
    if survey.watch and not quiet:
        groups = folded(survey.watch)
        parts += [Text(), _grid("WATCH", groups[:MOST_WATCHED], now)]
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


def _grid(title: str, groups: Sequence[Sequence[Outlook]], now: float) -> RenderableType:
    width = terminal.out().width
    columns = [title, "FULL IN", "HOST", "NOW", "A DAY (90 %)" if width >= WIDE else "A DAY"]
    columns += ["SURE"] if width >= ROOMY else []
    grid = terminal.table(*columns, *(["SINCE"] if width >= WIDE else []))
    for group in groups:
        grid.add_row(*_cells(group, now, width))
    return grid


def _cells(group: Sequence[Outlook], now: float, width: int) -> list[Any]:
    one = group[0]
    unit, metric, wide = one.unit, one.series.metric, width >= WIDE
    where = plain(fold([each.series.host for each in group]), 40)
    what = WHAT.get(metric, metric.removesuffix("_bytes").removesuffix("_percent").replace("_", " "))
    cells: list[Any] = [
        Text(
            f"{what} {_label(one.series.label, LONG_LABEL if wide else SHORT_LABEL)}".rstrip(),
            terminal.STYLES[one.severity],
        ),
        _due(group, now),
        f"{where} ({len(group)} hosts)" if len(group) > 1 else where,
        _joined("/", one.current, one.limit, unit) if one.limit and wide else amount(one.current, unit),
        "level" if one.full else _slopes(group, unit) if wide else signed(one.trend.slope_per_day, unit),
    ]
    if width >= ROOMY:
        cells.append("" if one.full else sure(min(each.trend.confidence for each in group)))
    return [*cells, _since(one.trend, unit, briefly=width < WIDEST)] if wide else cells


def _joined(between: str, first: float, last: float, unit: str) -> str:
    """Two amounts, their unit once where it is the same: ``880/894 GiB``."""
    one, other = amount(first, unit), amount(last, unit)
    _, space, same = other.rpartition(" ")
    return f"{one.removesuffix(space + same)}{between}{other}" if space else f"{one}{between}{other}"


def _label(label: str, most: int) -> str:
    shown, end = plain(label), most * 2 // 3
    return shown if len(shown) <= most else f"{shown[: most - end - 1]}…{shown[-end:]}"


def _due(group: Sequence[Outlook], now: float) -> str:
    """When the first of a group meets its limit, in a range that holds those of all."""
    one = group[0]
    if one.full:
        return "at its limit now"
    if one.limit is None:
        return "no limit"
    ends = [_late(each, one.at) for each in group]
    late = None if None in ends else max(end for end in ends if end is not None)
    return due(replace(one.trend, eta_high=late), one.at, now)


def _late(one: Outlook, start: float) -> float | None:
    """The late end in days from ``start``."""
    return None if one.trend.eta_high is None else one.trend.eta_high + (one.at - start) / DAY


def _slopes(group: Sequence[Outlook], unit: str) -> str:
    """The slope of the first, and the interval that holds those of all: ``+1.1 GiB (1.0-1.3)``."""
    ends = [end for one in group for end in (one.trend.slope_low, one.trend.slope_high)]
    low, high = sorted(map(abs, (min(ends), max(ends))))
    pace, between = signed(group[0].trend.slope_per_day, unit), _joined("-", low, high, unit)
    _, space, same = pace.rpartition(" ")
    short = between.removesuffix(space + same)
    return f"{pace} ({between if ' ' in short else short})"


def _since(trend: Trend, unit: str, *, briefly: bool) -> str:
    """Since when it grows so; where there is room what it did before, and what was taken out to see it."""
    said = [day(trend.since)] if trend.since else []
    if briefly:
        return "".join(said)
    before = pace_before(trend)
    if before is not None:
        said.append(f"was {signed(before, unit)}" if before else "was level")
    if "sawtooth" not in trend.removed:
        said += [f"reset {day(reset.at)}" for reset in trend.resets[-1:]]
    said += [f"{cycle} removed" for cycle in trend.removed]
    return ", ".join(said)


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
