"""A quick look at many series at once: which of them could rise at all.

A fleet has a hundred thousand series, nearly all of them level; a full analysis of each would take minutes.
What shows no rise in rank over the whole window or any recent part of it is left out; ranks neither mind
bursts nor heavy tails. The bar is low on purpose: it only has to spare the work, not to judge.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet_collector.trends.samples import LEAST_SAMPLES

PARTS = (1.0, 0.6, 0.35, 0.2)  # of the window, up to its end: growth may have begun, or begun anew, late
BAR = 2.2  # standard deviations of Spearman's coefficient; a rise worth telling has 2.6 and more


def may_rise(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """For each row (one series, oldest sample first, all of one length) whether a full analysis is due."""
    count, length = values.shape
    rising = np.zeros(count, dtype=bool)
    if length < LEAST_SAMPLES:
        return rising
    moving = values.max(axis=1) > values.min(axis=1)
    rows = values[moving]
    score = np.full(len(rows), -np.inf)
    for part in PARTS:
        size = max(round(length * part), LEAST_SAMPLES)
        score = np.maximum(score, _spearman(rows[:, -size:]))
    rising[moving] = score > BAR
    return rising


def may_reach(
    days: NDArray[np.float64], values: NDArray[np.float64], limits: NDArray[np.float64], within_days: float
) -> NDArray[np.bool_]:
    """For each row whether growth at twice the pace of any recent part could meet its limit in time.

    ``days`` has the form of ``values``, ``limits`` is one for each row. The pace is that of least squares: an
    outlier may make it too steep, which costs an analysis; twice is for growth that speeds up.
    """
    pace = np.zeros(len(values))
    for part in PARTS:
        size = max(round(values.shape[1] * part), LEAST_SAMPLES)
        since = days[:, -size:] - days[:, -size:].mean(axis=1, keepdims=True)
        spread = (since**2).sum(axis=1)
        slope = (values[:, -size:] * since).sum(axis=1)
        pace = np.maximum(pace, np.divide(slope, spread, out=np.zeros(len(values)), where=spread > 0.0))
    reached: NDArray[np.bool_] = values[:, -1] + 2.0 * pace * within_days >= limits
    return reached


def _spearman(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank correlation of each row with its order in time, in standard deviations of that of noise."""
    size = rows.shape[1]
    place = np.arange(size) - (size - 1) / 2.0
    ranks = np.empty(rows.shape)
    np.put_along_axis(ranks, np.argsort(rows, axis=1, kind="stable"), place[None, :], axis=1)
    # Equal values must not be ranked by time: the stable order of the reversed row ranks them the other way.
    reverse = np.empty(rows.shape)
    np.put_along_axis(reverse, np.argsort(rows[:, ::-1], axis=1, kind="stable"), place[None, :], axis=1)
    ranks = (ranks + reverse[:, ::-1]) / 2.0
    scale = np.sqrt((ranks**2).sum(axis=1) * (place**2).sum())
    moved = scale > 0
    correlation = np.divide(ranks @ place, scale, out=np.zeros(len(rows)), where=moved)
    result: NDArray[np.float64] = correlation * np.sqrt(size - 1.0)
    return result
