"""What changed, the most suspicious first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from fleet_cli.render import terminal
from fleet_cli.when import iso
from fleet_collector.changes import Change, SharedChange
from fleet_collector.comparison import Comparison, HostChanges
from fleet_collector.folding import fold
from fleet_collector.wording import moment, plain

COLUMNS = ("host", "from", "to", "step", "kind", "subject", "before", "after")
MOST_SHARED = 10


def rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Every change for scripts."""
    return [
        {
            "host": one.host,
            "from": iso(one.before_at),
            "to": iso(one.after_at),
            "step": change.step,
            "kind": change.kind,
            "subject": change.subject,
            "before": change.before,
            "after": change.after,
        }
        for one in comparison.hosts
        for change in one.changes
    ]


def page(comparison: Comparison) -> RenderableType:
    """What the sick hosts share, then each host's changes."""
    parts: list[RenderableType] = []
    if comparison.shared:
        parts.append(_shared(comparison.shared[:MOST_SHARED]))
    same = [one for one in comparison.hosts if not one.changes]
    for one in comparison.hosts:
        if one.changes or len(same) == 1:
            parts += _host(one)
    if len(same) > 1:
        parts.append(
            Text.assemble(("nothing changed ", "green"), plain(fold([one.host for one in same]), 2000))
        )
    return Group(*parts)


def _shared(shared: Sequence[SharedChange]) -> RenderableType:
    grid = terminal.table("SHARED BY", "WHAT", "", "BEFORE", "AFTER")
    for one in shared:
        where = f"{len(one.sick)} of {one.sick_total} sick, {len(one.well)} of {one.well_total} well"
        grid.add_row(f"{where}: {plain(fold(one.sick), 60)}", *_cells(one.change))
    return Group(grid, Text())


def _host(one: HostChanges) -> list[RenderableType]:
    well = "when it was last well" if one.before_well else "the scan before"
    head = Text.assemble(
        (plain(one.host), "bold"),
        (f"  from {moment(one.before_at)} UTC ({well}) to {moment(one.after_at)} UTC", "dim"),
    )
    if not one.changes:
        return [head, Text("nothing changed", style="green"), Text()]
    grid = terminal.table("WHAT", "", "BEFORE", "AFTER")
    for change in one.changes:
        grid.add_row(*_cells(change))
    return [head, grid, Text()]


def _cells(change: Change) -> tuple[str, str, str, str]:
    return (
        change.kind.replace("_", " "),
        plain(change.subject, 60),
        plain(change.before, 80) if change.before is not None else "-",
        plain(change.after, 80) if change.after is not None else "gone",
    )
