"""The form of a step on the page: one line, and a small table where names matter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fleet_collector.snapshot.fact import Process
from fleet_collector.wording import plain

MOST_ROWS = 5


@dataclass(frozen=True)
class Block:
    """``line`` sums the step up; ``rows`` are cells from left to right, the first ones are names."""

    line: str
    rows: tuple[tuple[str, ...], ...] = ()


def joined(*parts: str | None) -> str:
    """The parts that were measured, side by side."""
    return ", ".join(part for part in parts if part)


def rows(cells: Iterable[tuple[str, ...]], most: int = MOST_ROWS) -> tuple[tuple[str, ...], ...]:
    """The first few rows, and how many more there are."""
    every = list(cells)
    shown = tuple(every[:most])
    return (*shown, (f"and {len(every) - most} more",)) if len(every) > most else shown


def named(process: Process) -> str:
    """A process as ``java 812 (shop.service)``."""
    owner = process.unit or process.user
    return plain(f"{process.name} {process.pid}" + (f" ({owner})" if owner else ""), 60)
