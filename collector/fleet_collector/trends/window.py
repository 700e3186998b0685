"""A series made ready for judgement: cycles taken out, binned, scaled, on a window from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fleet_collector.trends import resets
from fleet_collector.trends.cycles import Cycle, Daily, Teeth, Weekly, find_daily
from fleet_collector.trends.resets import Indices, Runs
from fleet_collector.trends.samples import DAY_S, Floats, Samples, midmeans

BINS = 64  # enough to see where growth began, few enough to compare all explanations in milliseconds
MOST_UNBINNED = 96
BINS_PER_TOOTH = 4
MOST_TEETH = 24  # of more, every bin averages over some
FINE_BINS_A_DAY = 24
MOST_FINE_BINS = 400


@dataclass(frozen=True)
class Window:
    """What the explanations are fitted to.

    `x` runs from 0 to 1 over `span_days` from `start` (epoch seconds), of samples that are usually
    `step_days` apart; `y` is (value - centre) / scale;
    `level` is how far from zero the values are and `floor` the variance of rounding, both in units of
    `scale`. The nuisance columns belong to every explanation: ones, then those of `cycles` without height.
    """

    start: float
    span_days: float
    step_days: float
    x: Floats
    y: Floats
    centre: float
    scale: float
    level: float
    floor: float
    nuisance: Floats
    daily: Daily | None = None
    weekly: Weekly | None = None
    teeth: Teeth | None = None
    runs: Runs | None = None
    tooth: Indices | None = None

    @property
    def at(self) -> Floats:
        """Epoch seconds of the bins."""
        return self.start + self.x * self.span_days * DAY_S

    @property
    def apart(self) -> Floats:
        """How far apart any two bins are (bins x bins): infinitely in different teeth of a sawtooth."""
        if self.tooth is None:
            return np.abs(self.x[:, None] - self.x)
        return np.where(self.tooth[:, None] == self.tooth, 0.0, np.inf)

    @property
    def end(self) -> float:
        """Epoch seconds of the last sample."""
        return self.start + self.span_days * DAY_S

    @property
    def cycles(self) -> list[Cycle]:
        """What repeats, with its height in the unit of the values."""
        return [cycle for cycle in (self.daily, self.weekly, self.teeth) if cycle is not None]

    def tooth_starts(self) -> Floats:
        """Where the teeth of a sawtooth meet, from 0 to 1."""
        return np.zeros(0) if self.tooth is None else self.x[1:][np.diff(self.tooth) != 0] - 1e-9

    def with_weekly(self, weekly: Weekly, column: Floats) -> Window:
        """The same window with one more nuisance."""
        return replace(self, weekly=weekly, nuisance=np.hstack((self.nuisance, column[:, None])))


def open_window(samples: Samples, runs: Runs | None) -> Window:
    """Take out the daily profile, or the teeth where there are two resets and more, and bin."""
    if runs is not None and 2 <= runs.resets <= MOST_TEETH:
        return _toothed(samples, runs)
    daily = _daily(samples)
    value = samples.value - daily.at(samples.at) if daily else samples.value
    x = samples.days / samples.span_days
    reset = samples.days[runs.first[1]] / samples.span_days if runs is not None and runs.resets == 1 else 2.0
    if x.size > MOST_UNBINNED:
        group = np.minimum((x * BINS).astype(np.intp), BINS - 1) * 2 + (x >= reset)
        bin_x, bin_y = midmeans(group, x, value)
    else:
        bin_x, bin_y = x, value
    nuisance = np.ones((bin_x.size, 1))
    teeth = _teeth(samples, runs) if runs is not None and runs.resets > 1 else None
    if reset <= 1.0:  # also of the last sample alone
        nuisance = np.hstack((nuisance, (bin_x >= reset).astype(np.float64)[:, None]))
    return _scaled(samples, bin_x, bin_y, nuisance, daily=daily, teeth=teeth, runs=runs)


def _daily(samples: Samples) -> Daily | None:
    rate = samples.at.size / samples.span_days
    if rate <= 1.25 * FINE_BINS_A_DAY:
        return find_daily(samples.at, samples.value)
    width = DAY_S * max(1.0 / FINE_BINS_A_DAY, samples.span_days / MOST_FINE_BINS)
    offset, value = midmeans(
        (samples.at / width + 0.5).astype(np.intp), samples.at - samples.at[0], samples.value
    )
    return find_daily(samples.at[0] + offset, value)


def _toothed(samples: Samples, runs: Runs) -> Window:
    """The nuisance is one tooth to each run, so that the line is that of the troughs.

    The first run is left out: nobody saw where it began. So is a run with a reset that nobody saw.
    """
    known = int(runs.first[1])
    teeth = _teeth(samples, runs)
    phase = resets.phases(samples.days, runs)[known:]
    tooth = resets.run_of(runs.first, samples.at.size)[known:] - 1
    whole = resets.whole(samples.days, runs.first)[tooth + 1]
    samples = samples.since(float(samples.at[known]))
    x, value = (samples.days / samples.span_days)[whole], samples.value[whole]
    phase, tooth = phase[whole], tooth[whole]
    if x.size > MOST_UNBINNED:
        group = tooth * BINS_PER_TOOTH + np.minimum(
            (phase * BINS_PER_TOOTH).astype(np.intp), BINS_PER_TOOTH - 1
        )
        _, phase = midmeans(group, x, phase)
        x, value = midmeans(group, x, value)
        tooth = np.unique(group) // BINS_PER_TOOTH
    column = phase[:, None] * (tooth[:, None] == np.arange(runs.resets))
    nuisance = np.hstack((np.ones((x.size, 1)), column[:, np.count_nonzero(column, axis=0) > 1]))
    return _scaled(samples, x, value, nuisance, teeth=teeth, runs=runs, tooth=tooth)


def _teeth(samples: Samples, runs: Runs) -> Teeth:
    edge = resets.reset_times(samples.at, runs)
    period = float(np.median(np.diff(edge)))
    error = resets.spread_of_heights(samples.days, samples.value, runs)
    return Teeth(float(edge[-1]), period, runs.slope * period / DAY_S, error)


def _scaled(
    samples: Samples,
    x: Floats,
    value: Floats,
    nuisance: Floats,
    *,
    daily: Daily | None = None,
    teeth: Teeth | None = None,
    runs: Runs | None = None,
    tooth: Indices | None = None,
) -> Window:
    low, high = np.quantile(value, (0.05, 0.95))
    scale = float(high - low) or float(np.ptp(value)) or 1.0
    centre = float(np.median(value))
    different = np.diff(np.unique(samples.value))
    grain = float(different.min()) / scale if different.size else 0.0
    in_bin = max(1.0, samples.at.size / x.size)
    return Window(
        start=float(samples.at[0]),
        span_days=samples.span_days,
        step_days=float(np.median(np.diff(samples.days))),
        x=x,
        y=(value - centre) / scale,
        centre=centre,
        scale=scale,
        level=abs(float(np.median(samples.value))) / scale,
        floor=max(min(grain, 0.5) ** 2 / 12.0 / in_bin, 1e-8),
        nuisance=nuisance,
        daily=daily,
        teeth=teeth,
        runs=runs,
        tooth=tooth,
    )
