"""A series in one line of block characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_BLOCKS = "▁▂▃▄▅▆▇█"


class Frame(NamedTuple):
    """The part of time and of values that a line shows, and its columns."""

    start: float
    end: float
    low: float
    high: float
    width: int

    def column(self, at: float) -> int:
        """The column of a time, the nearest one if it lies outside."""
        part = (at - self.start) / ((self.end - self.start) or 1.0)
        return min(max(int(part * self.width), 0), self.width - 1)


def frame(at: Sequence[float], values: Sequence[float], width: int = 60) -> Frame:
    """The frame that just holds a series; ``values`` may be more than those of its times."""
    return Frame(at[0], at[-1], min(values), max(values), min(width, len(at)))


def sparkline(
    at: Sequence[float], values: Sequence[float], width: int = 60, within: Frame | None = None
) -> str:
    """The values over time, a column an equal part of it; a part without a sample is a space.

    >>> sparkline([0, 1, 2, 3], [1, 2, 3, 4], 4)
    '▁▃▆█'
    """
    if not values:
        return ""
    shown = within or frame(at, values, width)
    columns: list[list[float]] = [[] for _ in range(shown.width)]
    for when, value in zip(at, values, strict=True):
        columns[shown.column(when)].append(value)
    return "".join(_block(sum(column) / len(column), shown) if column else " " for column in columns)


def marks(shown: Frame, places: Sequence[tuple[float, str]]) -> str:
    """A line below a sparkline: a letter at each of these times."""
    letters = [" "] * shown.width
    for at, letter in places:
        letters[shown.column(at)] = letter
    return "".join(letters).rstrip()


def _block(value: float, shown: Frame) -> str:
    if shown.high == shown.low:
        return _BLOCKS[0]
    part = (value - shown.low) / (shown.high - shown.low)
    return _BLOCKS[round(part * (len(_BLOCKS) - 1))]
