"""fleet metrics: the numbers that are kept."""

from __future__ import annotations

from fleet_cli.options import AsFormat, Format

EXAMPLE = "Example: fleet metrics --format csv"


def command(format_: AsFormat = Format.TABLE) -> None:
    """List the numbers that are kept."""
    from fleet_cli.render import data, terminal
    from fleet_collector.metrics import METRICS

    rows = [
        {"metric": metric.name, "unit": metric.unit, "label": metric.labelled, "meaning": metric.meaning}
        for metric in METRICS.values()
    ]
    grid = terminal.table("METRIC", "UNIT", "MEANING")
    for metric in METRICS.values():
        label = f":{metric.labelled.upper()}" if metric.labelled else ""
        grid.add_row(f"{metric.name}{label}", metric.unit, metric.meaning)
    data.emit(format_, "metrics", ("metric", "unit", "label", "meaning"), rows, grid)
