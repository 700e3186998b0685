"""Runs of growth that end in a sudden fall: restarts, rotations, clean-ups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet_collector.trends.samples import DAY_S, Floats, spread_beyond

Indices = NDArray[np.intp]

# A fall must stand out from the usual difference of neighbours (5 robust standard deviations: once in
# 3.5 million differences of normal noise) and be a good part of the whole range.
FALL_SIGMAS = 5.0
FALL_SHARE_OF_RANGE = 0.25
# A rise of half a fall, within twice the usual interval, is a jump and no growth.
JUMP_SHARE_OF_FALL = 0.5
# Growth inside the runs must account for half of the falls and of the variance inside the runs, or the
# falls are steps down and no resets.
RISE_SHARE_OF_FALL = 0.5
EXPLAINED_SHARE = 0.5
# A run longer than this many usual ones has a reset that nobody saw; under three resets none is usual.
LONG_RUN = 1.5
LEAST_RESETS_TO_COMPARE = 3
# The present run is above the earlier peaks when it exceeds them by a fifth of a fall.
ABOVE_SHARE_OF_FALL = 0.2


@dataclass(frozen=True)
class Runs:
    """Where runs begin (index of their first sample; 0 first), their usual fall, their growth a day.

    `noise` is the standard deviation of the samples about that growth.
    """

    first: Indices
    fall: float
    slope: float
    noise: float

    @property
    def resets(self) -> int:
        """How many falls there are."""
        return self.first.size - 1


def find_falls(x: Floats, y: Floats) -> Indices:
    """Indices of the samples just after a fall that neither undoes a jump nor is undone by one."""
    diff, gap = np.diff(y), np.diff(x)
    beyond = diff - gap * np.median(diff) / max(float(np.median(gap)), 1.0 / DAY_S)  # than it usually grows
    # Falls are all on one side, and may be many where a run is a few samples long: the other side is noise.
    usual = 1.4826 * float(np.median(beyond[beyond >= min(0.0, float(beyond.max()))]))
    low, high = np.quantile(y, (0.02, 0.98))
    least = max(FALL_SIGMAS * usual, FALL_SHARE_OF_RANGE * float(high - low))
    fall = diff < -least
    if least <= 0 or not fall.any():
        return np.zeros(0, dtype=np.intp)
    jump = (diff > -JUMP_SHARE_OF_FALL * np.median(diff[fall])) & (gap <= 2.0 * np.median(gap))
    moves = np.flatnonzero(fall | jump)
    is_jump = np.concatenate(([False], jump[moves], [False]))
    lasting = fall[moves] & ~is_jump[:-2] & ~is_jump[2:]
    return moves[lasting] + 1


def find_runs(x: Floats, y: Floats) -> Runs | None:
    """The runs between resets, or None where falls do not end growth."""
    falls = find_falls(x, y)
    if not falls.size:
        return None
    first = np.concatenate((np.zeros(1, dtype=np.intp), falls))
    run = run_of(first, y.size)
    count = np.bincount(run)
    inside_x = x - (np.bincount(run, weights=x) / count)[run]
    inside_y = y - (np.bincount(run, weights=y) / count)[run]
    last = np.concatenate((falls - 1, [y.size - 1]))
    length = x[last] - x[first]
    seen = whole(x, first)[run]
    inside_x, inside_y = inside_x[seen], inside_y[seen]
    slope = float(inside_x @ inside_y) / max(float(inside_x @ inside_x), 1e-300)
    left = inside_y - slope * inside_x
    rise = slope * length
    fall = float(np.median(y[falls - 1] - y[falls]))
    usual_rise = float(np.median(rise[1:-1])) if rise.size > 2 else float(np.max(rise))
    unexplained = float(left @ left) / max(float(inside_y @ inside_y), 1e-300)
    if usual_rise < RISE_SHARE_OF_FALL * fall or unexplained > 1.0 - EXPLAINED_SHARE:
        return None
    return Runs(first, fall, slope, float(np.std(left)))


def whole(x: Floats, first: Indices) -> NDArray[np.bool_]:
    """For each run whether it is no longer than usual, and so has no reset inside that nobody saw."""
    length = x[np.append(first[1:], x.size) - 1] - x[first]
    if first.size <= LEAST_RESETS_TO_COMPARE:
        return np.ones(first.size, dtype=bool)
    return np.asarray(length <= LONG_RUN * np.median(length))


def run_of(first: Indices, n: int) -> Indices:
    """The number of the run that each of `n` samples is in."""
    return np.searchsorted(first, np.arange(n), side="right") - 1


def present_run_stands_out(y: Floats, runs: Runs) -> bool:
    """Whether the present run is clearly above all earlier peaks, and so is no tooth of a sawtooth."""
    peak = y[runs.first[1:] - 1]
    now = float(np.median(y[max(int(runs.first[-1]), y.size - 3) :]))
    spread = 3.0 * float(np.std(peak)) if peak.size > 2 else 0.0
    return now > float(np.max(peak)) + max(spread, ABOVE_SHARE_OF_FALL * runs.fall)


def reset_times(x: Floats, runs: Runs) -> Floats:
    """When the resets were: half-way between the samples before and after each."""
    return np.asarray(0.5 * (x[runs.first[1:]] + x[runs.first[1:] - 1]))


def spread_of_heights(x: Floats, y: Floats, runs: Runs) -> float:
    """How much it differs how high runs get.

    A run is as high as its fall, with the growth that nobody saw between the samples before and after.
    """
    after = runs.first[1:]
    height = y[after - 1] - y[after] + runs.slope * (x[after] - x[after - 1])
    return spread_beyond(np.sqrt(2.0) * runs.noise, height)


def phases(x: Floats, runs: Runs) -> Floats:
    """The share of each sample's run that has gone by: 0 just after a reset, 1 just before the next."""
    edge = reset_times(x, runs)
    usual = float(np.median(np.diff(edge))) if edge.size > 1 else float(x[-1] - edge[-1])
    begin = np.concatenate(([min(x[0], edge[0] - usual)], edge))
    end = np.concatenate((edge, [max(x[-1], edge[-1] + usual)]))
    run = run_of(runs.first, x.size)
    return np.asarray((x - begin[run]) / np.maximum(end[run] - begin[run], 1e-12))
