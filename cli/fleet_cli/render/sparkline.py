"""A series in one line of block characters."""

from __future__ import annotations

from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(at: Sequence[float], values: Sequence[float], width: int = 60) -> str:
    """The values over time, a column an equal part of it; a part without a sample is a space.

    >>> sparkline([0, 1, 2, 3], [1, 2, 3, 4], 4)
    '▁▃▆█'
    """
    if not values:
        return ""
    width = min(width, len(values))
    columns: list[list[float]] = [[] for _ in range(width)]
    start, span = at[0], (at[-1] - at[0]) or 1.0
    for when, value in zip(at, values, strict=True):
        columns[min(int((when - start) / span * width), width - 1)].append(value)
    low, high = min(values), max(values)
    return "".join(_block(sum(column) / len(column), low, high) if column else " " for column in columns)


def _block(value: float, low: float, high: float) -> str:
    if high == low:
        return _BLOCKS[0]
    return _BLOCKS[round((value - low) / (high - low) * (len(_BLOCKS) - 1))]
