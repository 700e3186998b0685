"""When the limit is reached: an interval over all explanations that grow, cycles included."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fleet_collector.trends.cycles import Cycle, Teeth
from fleet_collector.trends.growth import Growth, fitted
from fleet_collector.trends.hypotheses import PACES
from fleet_collector.trends.resets import Indices
from fleet_collector.trends.samples import DAY_S, Floats
from fleet_collector.trends.window import Window

# Eleven equally likely parts of a normal distribution, each by its middle. The outermost are where Student's
# distribution with 35 degrees of freedom has its 5 % points.
QUANTILES = np.array([-1.691, -1.097, -0.748, -0.473, -0.230, 0.0, 0.230, 0.473, 0.748, 1.097, 1.691])
# The same in another order, for an error that has nothing to do with the slope's.
UNRELATED = QUANTILES[[5, 10, 1, 8, 3, 0, 9, 4, 6, 2, 7]]
MOST_EXPLANATIONS = 16
EXPONENTIAL_FROM = 0.5  # e to that power times the pace over the window: less is a parabola
LEAST_SLOPE = 1e-9  # of the window's scale: no division by less
MOST_GROWTH = 50.0  # e to that power is beyond any limit
# When a value moves between two looks is as open as when, between two looks, the limit is met: nine in ten
# differences of two evenly spread times are within this part of a step.
UNSEEN = 0.68
TALL_SIGMAS = 1.28  # beyond which is a tenth of a normal distribution
LOOKS_AHEAD = 97  # every two hours for eight days is as fine as a forecast of days needs


@dataclass(frozen=True)
class Paths:
    """Lines, parabolas and exponentials on from the last sample (unit of the values; days).

    A path with a `pace` is an exponential that grows by that share a day, one with a `bend` a parabola.
    """

    level: Floats
    slope: Floats
    bend: Floats
    pace: Floats
    weight: Floats

    def at(self, days: Floats) -> Floats:
        """The height of each path at its own days (paths x days)."""
        level, slope, pace = self.level[:, None], self.slope[:, None], self.pace[:, None]
        curved = slope / np.where(pace > 0.0, pace, 1.0) * np.expm1(np.minimum(pace * days, MOST_GROWTH))
        return np.asarray(level + np.where(pace > 0.0, curved, (slope + self.bend[:, None] * days) * days))

    def days_to(self, height: float) -> Floats:
        """Days until each path first reaches a height; infinite if it never does."""
        room = np.maximum(height - self.level, 0.0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            inside = self.slope**2 + 4.0 * self.bend * room
            root = np.sqrt(np.maximum(inside, 0.0))
            days = 2.0 * room / (self.slope + root)
            curved = np.log1p(self.pace * room / self.slope) / self.pace
        days = np.where(self.pace > 0.0, curved, days)
        return np.where((self.slope > 0.0) & (inside >= 0.0), days, np.inf)

    def steeper(self, rise: float) -> Paths:
        """The same paths with so much more growth a day."""
        return replace(self, slope=self.slope + rise)


def forecast(growth: Growth, limit: float) -> tuple[float, float, float | None] | None:
    """5 % point, median and 95 % point of the days from the last sample to the limit.

    None if it is not reached; the late end is None where it is open.
    """
    window = growth.window
    paths, cycles = _paths(growth)
    if not cycles:
        return _interval(*_between_samples(paths.days_to(limit), paths.weight, window.step_days))
    ahead = np.linspace(0.0, _repeat_days(window), LOOKS_AHEAD)
    highest = float(_height(cycles, window.end, ahead).max())
    earliest = paths.steeper(window.daily.rise if window.daily else 0.0).days_to(limit - highest)
    start = np.where(np.isfinite(earliest), earliest, 0.0)
    when = start[:, None] + ahead
    reached = paths.at(when) + _height(cycles, window.end, when) >= limit
    first = when[np.arange(start.size), reached.argmax(axis=1)]
    days = np.where(reached.any(axis=1), first, np.maximum(paths.days_to(limit), start))
    days = np.where(np.isfinite(earliest), days, np.inf)
    if window.teeth is None:
        seen_every = window.step_days + float(ahead[1]) + (window.daily.step_days if window.daily else 0.0)
        return _interval(*_between_samples(days, paths.weight, seen_every))
    # Teeth keep no exact time: any one of a period after the earliest may be the first to reach the limit.
    period = window.teeth.period_s / DAY_S
    days = np.concatenate((earliest, days, earliest + period))
    return _interval(*_between_samples(days, np.tile(paths.weight, 3), window.step_days))


def _between_samples(days: Floats, weight: Floats, step: float) -> tuple[Floats, Floats]:
    """What comes to pass between two looks may do so at any time between them."""
    off = np.where(days > 0.0, UNSEEN * step, 0.0)
    return np.concatenate((np.maximum(days - off, 0.0), days, days + off)), np.tile(weight, 3)


def _repeat_days(window: Window) -> float:
    """How far ahead every peak of the cycles has come round once."""
    if window.teeth is not None:
        return 1.25 * window.teeth.period_s / DAY_S
    return 8.0 if window.weekly is not None else 2.0


def _paths(growth: Growth) -> tuple[Paths, list[Cycle]]:
    """The likeliest growing explanations, each with eleven slopes, and the cycles on top of them."""
    posterior, shape, window = growth.posterior, growth.shape, growth.window
    rows = np.argsort(-growth.pace, kind="stable")[:MOST_EXPLANATIONS]
    rows = rows[growth.pace[rows] > 0.0]
    fit = fitted(posterior, shape, window.x, rows)
    taken, *_ = np.linalg.lstsq(window.nuisance, growth.y[:, None] - fit, rcond=None)
    slope = posterior.slope[rows]
    level = fit[-1] + taken[0] + slope * (1.0 - window.x[-1])
    if window.runs is not None and window.runs.resets == 1:
        level = level + taken[1]
    # The line turns about the middle of the window: a steeper one also ends higher.
    off = QUANTILES * posterior.slope_sd[rows, None]
    bend, pace = _curves(growth, rows, off)
    peak_error = UNRELATED * sum(cycle.error for cycle in (window.daily, window.teeth) if cycle is not None)
    paths = Paths(
        level=((level[:, None] + 0.5 * off) * window.scale + window.centre + peak_error).ravel(),
        slope=((slope[:, None] + off) * window.scale / window.span_days).ravel(),
        bend=(bend * window.scale / window.span_days**2).ravel(),
        pace=(pace / window.span_days).ravel(),
        weight=np.repeat(growth.pace[rows], QUANTILES.size),
    )
    cycles: list[Cycle] = [window.daily] if window.daily is not None else []
    if window.weekly is not None:
        cycles.append(replace(window.weekly, height=float(np.median(taken[-1])) * window.scale))
    if window.teeth is not None:
        cycles.append(_tallest(window.teeth, float(np.median(paths.slope)), amid=window.tooth is None))
    return paths, cycles


def _tallest(teeth: Teeth, slope: float, *, amid: bool) -> Teeth:
    """The teeth above a line of their troughs, or amid them, as high as those that reach a limit first.

    Growth inside a run is that of the tooth and of the line together.
    """
    usual = max(teeth.height - slope * teeth.period_s / DAY_S, 0.0)
    return replace(teeth, height=usual + TALL_SIGMAS * teeth.error, foot=-0.5 * usual if amid else 0.0)


def _curves(growth: Growth, rows: Indices, off: Floats) -> tuple[Floats, Floats]:
    """Half the second derivative at the end, and its share of the slope, for each error of the slope.

    Growth that accelerates is steeper at the end because it bends more, about the slope of the whole.
    It goes on as it is: as an exponential, or as a parabola where there is no share.
    """
    posterior = growth.posterior
    swift = growth.shape.layout.first[posterior.row[rows]] - growth.shape.swift
    power = PACES[np.maximum(swift, 0)]
    curve = 0.5 * power * np.exp(power)
    with_slope = curve / (np.exp(power) - np.expm1(power) / power)
    bend = (curve * posterior.first[rows])[:, None] + with_slope[:, None] * off
    bend = np.where(swift[:, None] >= 0, bend, 0.0)
    share = 2.0 * bend / np.maximum(posterior.slope[rows, None] + off, LEAST_SLOPE)
    return bend, np.where(power[:, None] >= EXPONENTIAL_FROM, np.maximum(share, 0.0), 0.0)


def _height(cycles: list[Cycle], end: float, days: Floats) -> Floats:
    """What the cycles add to the line, days from the last sample."""
    at = end + days.ravel() * DAY_S
    return np.asarray(np.sum([cycle.at(at) for cycle in cycles], axis=0)).reshape(days.shape)


def _interval(days: Floats, weight: Floats) -> tuple[float, float, float | None] | None:
    low, middle, high = _quantiles(days, weight, (0.05, 0.5, 0.95))
    if not np.isfinite(middle):
        return None
    return low, middle, high if np.isfinite(high) else None


def weighted_quantiles(mean: Floats, sd: Floats, weight: Floats) -> tuple[float, float]:
    """The 5 % and 95 % points of a mixture of normal distributions."""
    rows = np.argsort(-weight, kind="stable")[: 4 * MOST_EXPLANATIONS]
    spread = mean[rows, None] + QUANTILES * sd[rows, None]
    low, high = _quantiles(spread.ravel(), np.repeat(weight[rows], QUANTILES.size), (0.05, 0.95))
    return low, high


def _quantiles(value: Floats, weight: Floats, points: tuple[float, ...]) -> list[float]:
    order = np.argsort(value, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    return [float(value[order[min(int(np.searchsorted(share, point)), order.size - 1)]]) for point in points]
