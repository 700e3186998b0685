"""Samples as they come from the store, made fit for analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

DAY_S = 86_400.0
YEAR_9999 = 253_402_300_800.0
# Fewer samples show no trend that a cycle or chance could not feign.
LEAST_SAMPLES = 8
# No count and no size comes near these; beyond them squares overflow or vanish.
MOST, LEAST = 1e60, 1e-60


@dataclass(frozen=True)
class Samples:
    """Ascending distinct times (seconds since the epoch) with finite values."""

    at: Floats
    value: Floats

    @property
    def days(self) -> Floats:
        """Days since the first sample."""
        return np.asarray((self.at - self.at[0]) / DAY_S)

    @property
    def span_days(self) -> float:
        """Days between the first and the last sample."""
        return float(self.at[-1] - self.at[0]) / DAY_S if self.at.size else 0.0

    def since(self, at: float) -> Samples:
        """The samples from a time on."""
        keep = self.at >= at
        return Samples(self.at[keep], self.value[keep])


def clean(at: Sequence[float], values: Sequence[float]) -> Samples:
    """Drop what is no number or no time of this era, sort by time, average values that share a time."""
    time = np.asarray(at, dtype=np.float64)
    value = np.asarray(values, dtype=np.float64)
    usable = (time >= 0.0) & (time < YEAR_9999) & (np.abs(value) <= MOST)  # false for NaN, too
    time, value = time[usable], value[usable]
    value = np.where(np.abs(value) < LEAST, 0.0, value)
    if time.size and np.all(np.diff(time) > 0):
        return Samples(time, value)
    time, slot = np.unique(time, return_inverse=True)
    count = np.bincount(slot, minlength=time.size)
    order = np.lexsort((value, slot))  # one order of summing, whatever order the samples came in
    total = np.bincount(slot[order], weights=value[order], minlength=time.size)
    return Samples(time, total / np.maximum(count, 1))


def midmeans(group: NDArray[np.intp], x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Mean time and interquartile mean of every group, in ascending order of group.

    The interquartile mean keeps the resolution of counts, which a median loses, and is as deaf to spikes.
    """
    order = np.lexsort((y, group))
    _, slot, count = np.unique(group, return_inverse=True, return_counts=True)
    start = np.cumsum(count) - count
    rank = np.arange(y.size) - start[slot[order]]
    trim = count // 4
    keep = (rank >= trim[slot[order]]) & (rank < (count - trim)[slot[order]])
    inner = order[keep]
    time = np.bincount(slot, weights=x) / count
    return time, np.bincount(slot[inner], weights=y[inner]) / (count - 2 * trim)


def spread_beyond(noise: float, value: Floats) -> float:
    """Robust standard deviation of a few values, beyond what noise of a known one makes of equal ones.

    That of few values scatters: it must be twice that of the noise to say anything.
    """
    off = 1.4826 * float(np.median(np.abs(value - np.median(value))))
    return float(np.sqrt(off * off - noise * noise)) if off > 2.0 * noise else 0.0
