"""Cycles of the day, the week and the rotation: what is added to the line, at any time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fleet_collector.trends.samples import DAY_S, Floats, spread_beyond

# Two full cycles must have been seen before a cycle may explain anything.
LEAST_DAYS_FOR_DAILY = 2.0
LEAST_DAYS_FOR_WEEKLY = 5.0  # one weekend and both of its sides: enough to be a rival of growth
LEAST_DAYS_FOR_DAY_OF_WEEK = 14.0
LEAST_SAMPLES_FOR_WEEKLY = 12
LEAST_WEEKLY_RATIO = 9.0  # three standard errors: less is not worth weighing
HOURS_TO_MONDAY = 72.0  # 1 January 1970 was a Thursday
WEEK_HOURS = 168.0
RIDGE, RIDGE_OF_CYCLE = 1e-6, 3e-3  # of the mean diagonal; an hour without samples has no height of its own
LEAST_DAYS_FOR_AMPLITUDE = 4
AMPLITUDE_SIGMAS = 4.0  # by how much the amplitude must change for more than chance
DAILY_SIGMAS = 4.0  # by how much a daily profile must explain more than chance


@dataclass(frozen=True)
class Daily:
    """A profile over the day around its own mean, at equally spaced hours UTC.

    Its amplitude is that of the time `about`, and grows by a share of this a day. `error` is how far off the
    peak of any one day may be: the standard error of the profile and what the amplitude differs between days.
    """

    profile: Floats
    error: float = 0.0
    growth: float = 0.0
    about: float = 0.0

    @property
    def step_days(self) -> float:
        """How far apart the hours of the profile are."""
        return 1.0 / self.profile.size

    @property
    def rise(self) -> float:
        """How much higher the peak is every day."""
        return self.growth * float(self.profile.max())

    def at(self, at: Floats) -> Floats:
        """Height above the line."""
        shape = hats(at / DAY_S % 1.0 * self.profile.size, self.profile.size, periodic=True) @ self.profile
        return np.asarray(shape * np.maximum(1.0 + self.growth * (at - self.about) / DAY_S, 0.0))


@dataclass(frozen=True)
class Weekly:
    """A box over part of the week: a weekend in some time zone, or one day."""

    start_hour: float
    hours: float
    height: float = 1.0

    def at(self, at: Floats) -> Floats:
        """Height above the line."""
        inside = (at / 3600.0 + HOURS_TO_MONDAY - self.start_hour) % WEEK_HOURS < self.hours
        return np.where(inside, self.height, 0.0)


@dataclass(frozen=True)
class Teeth:
    """A sawtooth: growth from one reset to the next, from `foot` on (0: the line is that of the troughs).

    `error` is how far off the peak of any one tooth may be.
    """

    reset_at: float
    period_s: float
    height: float
    error: float = 0.0
    foot: float = 0.0

    def at(self, at: Floats) -> Floats:
        """Height above the line."""
        return self.foot + (at - self.reset_at) / self.period_s % 1.0 * self.height


Cycle = Daily | Weekly | Teeth


def hats(position: Floats, nodes: int, *, periodic: bool) -> Floats:
    """Piecewise linear basis (positions x nodes): how near each position is to its two nodes."""
    left = np.floor(position).astype(np.intp)
    if not periodic:
        left = np.clip(left, 0, nodes - 2)
    share = position - left
    basis = np.zeros((position.size, nodes))
    row = np.arange(position.size)
    basis[row, left % nodes] = 1.0 - share
    basis[row, (left + 1) % nodes] += share
    return basis


def daily_nodes(at: Floats) -> int:
    """How fine a daily profile the sampling can carry: 0 (none), 4 or 24 nodes."""
    span = float(at[-1] - at[0]) / DAY_S
    if span < LEAST_DAYS_FOR_DAILY or at.size < 24:
        return 0
    rate = at.size / span
    if rate >= 20.0:
        return 24
    same_hour = abs(complex(np.mean(np.exp(2j * np.pi * at / DAY_S)))) > 0.9
    return 0 if same_hour else 4


def find_daily(at: Floats, y: Floats) -> Daily | None:
    """The daily profile, fitted together with a slow curve so that growth is not taken for a cycle."""
    nodes = daily_nodes(at)
    if not nodes:
        return None
    day = (at - at[0]) / DAY_S
    knots = int(np.clip(np.floor(day[-1] if nodes == 24 else day[-1] / 4.0), 2, 16)) + 1
    slow = hats(day / day[-1] * (knots - 1), knots, periodic=False)
    cycle = hats(at / DAY_S % 1.0 * nodes, nodes, periodic=True)
    freedom = y.size - knots - nodes + 1
    if freedom < nodes:
        return None
    beside = _weekly_column(at, day / day[-1], y) if nodes < 24 else np.zeros((at.size, 0))
    _, alone = _least_squares(np.hstack((slow, beside)), y)
    held = np.zeros(knots + nodes + beside.shape[1])
    held[knots : knots + nodes] = RIDGE_OF_CYCLE * float(np.square(cycle).sum()) / nodes
    weight, left = _least_squares(np.hstack((slow, cycle, beside)), y, held)
    before, after = float(alone @ alone), float(left @ left)
    ratio = (before - after) / (nodes - 1) / max(after / freedom, 1e-300)
    if ratio < 1.0 + DAILY_SIGMAS * np.sqrt(2.0 / (nodes - 1)):
        return None
    profile = weight[knots : knots + nodes] - weight[knots : knots + nodes].mean()
    variance = after / freedom
    usual, growth, spread = _amplitude(at, cycle @ profile, left, variance)
    error = np.hypot(np.sqrt(variance * nodes / y.size), spread * profile.max())
    return Daily(profile * usual, float(error), growth / usual, float(at[0] + at[-1]) / 2.0)


def _weekly_column(at: Floats, x: Floats, y: Floats) -> Floats:
    """The best weekly box as a column, or none: few samples show a daily cycle only beside it."""
    found = best_weekly(at, x, y)
    return np.zeros((at.size, 0)) if found is None else found[1][:, None]


def _amplitude(at: Floats, profile: Floats, left: Floats, variance: float) -> tuple[float, float, float]:
    """Relative to all days: the amplitude of most (weekends are flatter), its growth a day, its spread."""
    number = ((at - at[0]) // DAY_S).astype(np.intp)
    size = np.bincount(number, weights=profile * profile)
    seen = size > 0.5 * np.median(size[size > 0.0])
    amplitude = 1.0 + np.bincount(number, weights=profile * left)[seen] / size[seen]
    day = np.flatnonzero(seen) + 0.5 - (at[-1] - at[0]) / DAY_S / 2.0
    usual, growth = float(np.median(amplitude)), 0.0
    if day.size >= LEAST_DAYS_FOR_AMPLITUDE:
        since = day - day.mean()
        slope = float(since @ amplitude) / float(since @ since)
        rest = amplitude - amplitude.mean() - slope * since
        if abs(slope) > AMPLITUDE_SIGMAS * np.sqrt(rest @ rest / (day.size - 2) / (since @ since)):
            growth, amplitude = slope, amplitude - slope * day
            usual = float(np.median(amplitude))
    alike = max(float(left[1:] @ left[:-1]) / max(float(left @ left), 1e-300), 0.0)
    variance *= (1.0 + alike) / (1.0 - alike)  # samples that follow one another tell less of the day
    return usual, growth, spread_beyond(np.sqrt(variance / float(np.median(size[seen]))), amplitude)


def _least_squares(basis: Floats, y: Floats, ridge: Floats | float = 0.0) -> tuple[Floats, Floats]:
    """Weights and residuals; a trace of ridge, or more of it, settles what the sampling leaves open."""
    gram = basis.T @ basis
    gram[np.diag_indices_from(gram)] += ridge + RIDGE * np.trace(gram) / gram.shape[0]
    weight = np.linalg.solve(gram, basis.T @ y)
    return weight, y - basis @ weight


@lru_cache(maxsize=2)
def _weekly_boxes(*, single_days: bool) -> tuple[Weekly, ...]:
    boxes = [Weekly((120.0 - zone) % WEEK_HOURS, 48.0) for zone in range(-12, 13, 3)]
    if single_days:
        boxes += [Weekly(start, 24.0) for start in np.arange(0.0, WEEK_HOURS, 12.0).tolist()]
    return tuple(boxes)


def weekly_candidates(span_days: float) -> tuple[Weekly, ...]:
    """Weekends of every time zone, and single days where there are two weeks to tell them by."""
    if span_days < LEAST_DAYS_FOR_WEEKLY:
        return ()
    return _weekly_boxes(single_days=span_days >= LEAST_DAYS_FOR_DAY_OF_WEEK)


def best_weekly(at: Floats, x: Floats, y: Floats) -> tuple[Weekly, Floats] | None:
    """The weekly box that explains most beside a line, with its column; None if none could matter."""
    boxes = weekly_candidates(float(at[-1] - at[0]) / DAY_S)
    if not boxes or x.size < LEAST_SAMPLES_FOR_WEEKLY:
        return None
    start, hours = np.array([box.start_hour for box in boxes]), np.array([box.hours for box in boxes])
    column = ((at[:, None] / 3600.0 + HOURS_TO_MONDAY - start) % WEEK_HOURS < hours).astype(np.float64)
    line, _ = np.linalg.qr(np.stack((np.ones(x.size), x), axis=1))
    rest = column - line @ (line.T @ column)
    left = y - line @ (line.T @ y)
    size = (rest * rest).sum(0)
    gain = np.where(size > 1e-6, (rest.T @ left) ** 2 / np.maximum(size, 1e-6), 0.0)
    best = int(np.argmax(gain))
    if gain[best] < LEAST_WEEKLY_RATIO * (float(left @ left) - gain[best]) / (x.size - 3):
        return None
    return boxes[best], column[:, best]
