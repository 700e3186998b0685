"""What the posterior says about growth at the last sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleet_collector.trends import cycles, noise
from fleet_collector.trends.evidence import Posterior, weigh
from fleet_collector.trends.hypotheses import OF_TROUGHS, Shapes, bend_places, shapes, step_places
from fleet_collector.trends.resets import Indices
from fleet_collector.trends.samples import Floats
from fleet_collector.trends.window import Window

# Growth matters from 2 % of the level over the window on (and never under 0.1 % a month, which is less for
# any window under 20 months); half-way to nothing is where the two are told apart.
MATERIAL_SHARE = 0.012
# Growth is clear when an observer who knew the noise would call it at 4.5 standard errors. What is measured
# scatters by one around that, and around zero where there is none: the two are told apart near the middle.
CLEAR_SIGMAS = 2.5
# One residual in 16,000 of normal noise is beyond four standard deviations: where there is one, the noise has
# outliers, and these may speak no louder than residuals of two and a half.
OUTLIER_SIGMAS = 4.0
CLIP_SIGMAS = 2.5
# What fell at first at half the speed of its growth now (its turn is after a third of the window, were it a
# parabola) has not accelerated: a decline that slows down looks like this.
TURNED_SHARE = 0.5
LOGISTIC_PER_SIGMA = 1.702  # the logistic curve nearest to the normal distribution's (Camilli 1994)
LEAST_PACE = 1e-9  # less is what rounding leaves
LEAST_BENDS = 4  # fewer leave nothing to move
HOPELESS = 0.02  # below this under white noise, which flatters growth most, nothing more is asked


@dataclass(frozen=True)
class Growth:
    """How probable growth is, and under which explanations.

    Of each row of the posterior, `share` is its part in the probability, `pace` how much it has to say on
    how fast it grows.
    """

    probability: float
    share: Floats
    pace: Floats
    posterior: Posterior
    shape: Shapes
    window: Window
    y: Floats

    @property
    def material(self) -> float:
        """The least growth over the window that matters, in units of the window's scale."""
        return MATERIAL_SHARE * self.window.level


def judge(window: Window) -> Growth:
    """Compare all explanations: first under white noise, then, where that leaves hope, under every form."""
    toothed = window.tooth is not None
    bends = bend_places(window.span_days)
    if toothed:
        shape = shapes(window.x, window.tooth_starts(), bends, OF_TROUGHS)
    else:
        shape = shapes(window.x, step_places(window.x, window.y), bends)
    window, white = _with_week(window, shape, _white(window, shape, window.y))
    y = tamed(window, shape, white)
    if y is not window.y:
        white = _white(window, shape, y)
    growth = _growth(white, shape, window, y)
    if growth.probability < HOPELESS:
        return growth
    y = tamed(window, shape, white)
    shape = shape if toothed else _closer(growth)
    forms = noise.OF_TEETH if toothed else noise.ALL
    last = weigh(window.x, y, window.nuisance, shape, window.floor, window.apart, forms)
    return _growth(last, shape, window, y)


def _closer(growth: Growth) -> Shapes:
    """The shapes with three bends close together about the likeliest, in place of the two least likely."""
    shape, bends = growth.shape, growth.shape.bends
    bend = shape.layout.first[growth.posterior.row] - shape.steps
    late = (bend >= 0) & (bend < bends.size)
    share = np.bincount(bend[late], weights=growth.share[late], minlength=bends.size)
    if bends.size < LEAST_BENDS or share.sum() < HOPELESS:
        return shape
    kept = bends[np.argsort(-share, kind="stable")[: bends.size - 2]]
    beside = kept[0] + np.array([-1.0, 1.0]) * (bends[1] - bends[0]) / 3.0
    return shapes(growth.window.x, shape.place[: shape.steps], np.sort(np.append(kept, beside)))


def _white(window: Window, shape: Shapes, y: Floats) -> Posterior:
    return weigh(window.x, y, window.nuisance, shape, window.floor, window.apart, noise.WHITE)


def _with_week(window: Window, shape: Shapes, without: Posterior) -> tuple[Window, Posterior]:
    """Let a weekly box in where it earns its place beside every other explanation."""
    found = cycles.best_weekly(window.at, window.x, window.y) if window.tooth is None else None
    if found is None:
        return window, without
    wider = window.with_weekly(*found)
    other = _white(wider, shape, wider.y)
    choices = 2.0 * np.log(len(cycles.weekly_candidates(window.span_days)))
    if other.cost + np.log(window.x.size) + choices < without.cost:
        return wider, other
    return window, without


def _growth(posterior: Posterior, shape: Shapes, window: Window, y: Floats) -> Growth:
    plan = shape.layout
    place = np.append(shape.place, 0.0)[plan.first] * (np.append(shape.end_slope, 0.0)[plan.first] == 1.0)
    during = np.where(plan.lined == 1, 1.0, 1.0 - place)[posterior.row]
    sd = np.maximum(posterior.slope_sd, 1e-12)
    material = (posterior.slope - MATERIAL_SHARE * window.level / during) / sd
    clear = posterior.slope / sd - CLEAR_SIGMAS
    sure = 1.0 / (1.0 + np.exp(-LOGISTIC_PER_SIGMA * np.clip(np.minimum(material, clear), -40.0, 40.0)))
    at_start = posterior.line + posterior.first
    turned = (plan.first[posterior.row] >= shape.swift) & (at_start < -TURNED_SHARE * posterior.slope)
    sure = np.where((posterior.slope > 0.0) & ~turned, sure, 0.0)
    share, pace = posterior.weight * sure, posterior.sharp * sure
    if pace.sum() < LEAST_PACE:
        pace = share
    return Growth(float(min(share.sum(), 1.0)), share, pace, posterior, shape, window, y)


def fitted(posterior: Posterior, shape: Shapes, x: Floats, rows: Indices | int) -> Floats:
    """The explanations (samples x rows) without what the nuisance takes."""
    rows = np.atleast_1d(np.asarray(rows))
    number = posterior.row[rows]
    column = np.append(shape.column, np.zeros((x.size, 1)), axis=1)
    first, second = column[:, shape.layout.first[number]], column[:, shape.layout.second[number]]
    shaped = posterior.first[rows] * first + posterior.second[rows] * second
    return np.asarray(posterior.line[rows] * x[:, None] + shaped)


def tamed(window: Window, shape: Shapes, posterior: Posterior) -> Floats:
    """The samples with outliers pulled in to the best explanation; the very same array if there are none."""
    best = fitted(posterior, shape, window.x, int(np.argmax(posterior.weight)))[:, 0]
    left = window.y - best
    for again in (False, True):
        rest = left - window.nuisance @ np.linalg.lstsq(window.nuisance, left, rcond=None)[0]
        sigma, middle = spread(rest), float(np.median(rest))
        if not again and float(np.abs(rest - middle).max()) <= OUTLIER_SIGMAS * sigma:
            return window.y
        left = left - rest + np.clip(rest, middle - CLIP_SIGMAS * sigma, middle + CLIP_SIGMAS * sigma)
    return np.asarray(best + left)


def spread(residual: Floats) -> float:
    """Robust standard deviation; part of the plain one where over half the residuals are equal."""
    robust = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
    return max(robust, 0.25 * float(np.std(residual)), 1e-9)
