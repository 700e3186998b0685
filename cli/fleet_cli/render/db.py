"""What is stored, and the room it takes."""

from __future__ import annotations

from rich.table import Table

from fleet_cli.render import terminal
from fleet_collector.store import Stats
from fleet_collector.wording import moment, number, plain, size


def table(shown: str, stats: Stats) -> Table:
    """A line a subject."""
    grid = terminal.table("", "")
    grid.add_row("database", plain(shown))
    if stats.oldest_at is not None and stats.newest_at is not None:
        grid.add_row("history", f"{moment(stats.oldest_at / 1000)} to {moment(stats.newest_at / 1000)} UTC")
    for name in ("hosts", "sweeps", "scans", "snapshots", "findings", "series", "samples", "forecasts"):
        grid.add_row(name, number(getattr(stats, name)))
    grid.add_row("size", size(stats.total_bytes) + _free(stats))
    if stats.bytes_per_sample is not None:
        grid.add_row("a sample", f"{stats.bytes_per_sample:.1f} bytes")
    return grid


def _free(stats: Stats) -> str:
    return f", {size(stats.free_bytes)} of it free" if stats.free_bytes else ""
