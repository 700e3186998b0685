"""The lines of what rises: a group of hosts each, and why the first are believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rich.table import Table
from rich.text import Text

from fleet_cli.render import terminal
from fleet_cli.render.amounts import due, signed, sure
from fleet_cli.render.explanation import because
from fleet_collector.folding import fold
from fleet_collector.metrics import METRICS
from fleet_collector.outlook import DAY, Outlook, pace_before
from fleet_collector.trends import Trend
from fleet_collector.wording import amount, day, plain

MOST_BELIEVED = 3
# Columns of a terminal from which on there is room for more than the least.
ROOMY, WIDE, WIDEST = 100, 120, 140
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


def grid(title: str, groups: Sequence[Sequence[Outlook]], now: float) -> Table:
    """A line a group, as much of it as the terminal has room for."""
    width = terminal.out().width
    columns = [title, "FULL IN", "HOST", "NOW", "A DAY (90 %)" if width >= WIDE else "A DAY"]
    columns += ["SURE"] if width >= ROOMY else []
    lines = terminal.table(*columns, *(["SINCE"] if width >= WIDE else []))
    for group in groups:
        lines.add_row(*_cells(group, now, width))
    return lines


def believed(groups: Sequence[Sequence[Outlook]]) -> list[Text]:
    """Why the first of them are believed: what they were seen to do, and what else it might be."""
    first = [group[0] for group in groups if group[0].trend.trending][:MOST_BELIEVED]
    why = [f"Why {_name(one)}: {because(one.trend, METRICS[one.series.metric])}." for one in first]
    return [Text(), *(Text(line, style="dim") for line in why)] if why else []


def _name(one: Outlook) -> str:
    return plain(f"{_what(one)} {one.series.label}".rstrip() + f" on {one.series.host}")


def _what(one: Outlook) -> str:
    metric = one.series.metric
    return WHAT.get(metric, metric.removesuffix("_bytes").removesuffix("_percent").replace("_", " "))


def _cells(group: Sequence[Outlook], now: float, width: int) -> list[Any]:
    one = group[0]
    unit, wide = one.unit, width >= WIDE
    where = plain(fold([each.series.host for each in group]), 40)
    cells: list[Any] = [
        Text(
            f"{_what(one)} {_label(one.series.label, LONG_LABEL if wide else SHORT_LABEL)}".rstrip(),
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
