"""How well each explanation accounts for a series, as posterior probabilities.

Every explanation is a linear model; its evidence over the level alone is the Bayes factor of
Zellner's g-prior with unit information (Liang et al., JASA 103 (2008), 410-423, eq. 6), taken under
several shapes of noise whose own evidence is the restricted likelihood. Nothing is tested at a
fixed level: what explains nearly as well keeps its share.

The g-prior holds a slope many standard errors from zero for unlikely, and so takes a part of what is
explained (1/n of all variance) for noise. On whether there is growth at all this is welcome caution: no
series is exactly what an explanation says. On how fast it grows it is not: a line would stand for what is
bent, and shapes of noise that make the slope less sure would be preferred. There the evidence is sharp:
what an explanation leaves alone but for little, at the price of its terms (Schwarz, Annals of Statistics 6
(1978), 461-464).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fleet_collector.trends import noise
from fleet_collector.trends.hypotheses import Shapes
from fleet_collector.trends.resets import Indices
from fleet_collector.trends.samples import Floats

LEAST_MISFIT = 1e-12  # beyond the precision of the sums
ODDITY = 0.02  # of the spread of the values: so far off any explanation may be, besides noise


@dataclass(frozen=True)
class Posterior:
    """Every explanation under every shape of noise (flat arrays): weights, end slope, coefficients.

    `row` is the explanation's number in the layout; `weight` is the cautious one, `sharp` the other. Slopes
    are per window. `line_sd` is the standard error a line through these samples has; `cost` is the Bayesian
    information criterion of the best.
    """

    row: Indices
    weight: Floats
    sharp: Floats
    slope: Floats
    slope_sd: Floats
    line: Floats
    first: Floats
    second: Floats
    line_sd: float
    cost: float


@dataclass(frozen=True)
class _Fits:
    r2: Floats
    slope: Floats
    slope_var: Floats
    line: Floats
    first: Floats
    second: Floats


def weigh(
    x: Floats, y: Floats, nuisance: Floats, shape: Shapes, floor: float, apart: Floats, forms: noise.Forms
) -> Posterior:
    """Posterior over all explanations of `y`, whatever the nuisance columns (the first is ones) take.

    `floor` is a variance that the noise has at the least (rounding).
    """
    plan = shape.layout
    n, p = nuisance.shape
    columns = np.hstack((nuisance, y[:, None], x[:, None], shape.column, _signs(n)))
    gram, log_noise = _whitened_gram(apart, columns, p, forms)
    freedom = n - p
    rss = gram[:, 0, 0] + floor * gram[:, -1, -1]
    gram = gram[:, :-1, :-1]
    log_noise -= 0.5 * freedom * np.log(rss)
    fits = _fit(gram, shape)
    usable = np.isfinite(fits.r2)
    r2 = np.where(usable, np.clip(fits.r2 / rss[:, None], 0.0, 1.0), 0.0)
    terms = plan.lined + (plan.first >= 0) + (plan.second >= 0)
    misfit = np.maximum(1.0 - r2, LEAST_MISFIT)
    log_prior = np.where(usable, log_noise[:, None] + plan.log_prior, -np.inf)
    cautious = 0.5 * (freedom - terms) * np.log1p(n) - 0.5 * freedom * np.log1p(n * misfit)
    log_sharp = log_prior - 0.5 * terms * np.log1p(n) - 0.5 * freedom * np.log(misfit + ODDITY**2)
    weight = _shares(log_prior + cautious).sum(axis=0) * _shares(log_sharp, axis=0)
    variance = rss[:, None] * misfit / np.maximum(freedom - terms, 1)
    line_var = variance[:, plan.lined.argmax()] / gram[:, 1, 1]
    cost = n * np.log(rss[:, None] * misfit) + terms * np.log(n) - 2.0 * plan.log_prior
    return Posterior(
        row=np.tile(np.arange(plan.kind.size), rss.size),
        weight=weight.ravel(),
        sharp=_shares(log_sharp).ravel(),
        slope=np.where(usable, fits.slope, 0.0).ravel(),
        slope_sd=np.sqrt(np.where(usable, np.maximum(fits.slope_var, 0.0) * variance, 0.0)).ravel(),
        line=np.where(usable, fits.line, 0.0).ravel(),
        first=np.where(usable, fits.first, 0.0).ravel(),
        second=np.where(usable, fits.second, 0.0).ravel(),
        line_sd=float(np.sqrt(weight.sum(1) @ line_var)),
        cost=float(np.min(np.where(usable, cost, np.inf)[0])),
    )


@lru_cache(maxsize=256)
def _signs(n: int) -> Floats:
    """White noise of unit variance as one column, for what rounding weighs once the noise is whitened."""
    return np.random.default_rng(n).choice((-1.0, 1.0), size=(n, 1))


def _shares(log_weight: Floats, axis: int | None = None) -> Floats:
    """Weights that sum to one along an axis (or over all), from their logarithms; 0 where none counts."""
    most = log_weight.max(axis=axis, keepdims=True)
    weight = np.exp(log_weight - np.where(np.isfinite(most), most, 0.0))
    return np.asarray(weight / np.maximum(weight.sum(axis=axis, keepdims=True), LEAST_MISFIT))


def _whitened_gram(apart: Floats, columns: Floats, p: int, forms: noise.Forms) -> tuple[Floats, Floats]:
    """Gram matrices of the columns after the first `p`, whitened and freed of those; log evidence so far."""
    factor: Floats = np.eye(apart.shape[0])[None]
    white: Floats = columns[None]
    if forms is not noise.WHITE:
        factor = np.linalg.cholesky(noise.covariances(apart, forms))
        white = np.linalg.solve(factor, np.broadcast_to(columns, (forms.weight.size, *columns.shape)))
    basis, triangle = np.linalg.qr(white[:, :, :p])
    rest = white[:, :, p:]
    into = basis.transpose(0, 2, 1) @ rest
    gram = rest.transpose(0, 2, 1) @ rest - into.transpose(0, 2, 1) @ into
    log_det = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(1)
    log_det += np.log(np.abs(np.diagonal(triangle, axis1=1, axis2=2))).sum(1)
    return gram, np.log(forms.weight) - log_det


def _fit(gram: Floats, shape: Shapes) -> _Fits:
    """Least squares of y (column 0) on a line (column 1) or none and two shapes, from Gram matrices alone."""
    plan = shape.layout
    without = plan.lined == 0
    along = gram[:, 1, :] / gram[:, 1, 1, None]
    given_line = gram - gram[:, 1, :, None] * along[:, None, :]
    end = np.append(shape.end_slope, 0.0)
    zero = np.zeros(gram.shape[0])
    parts = (
        _pairs(gram, end, plan.first[without], plan.second[without], zero, zero, zero),
        _pairs(
            given_line,
            end - np.append(along[:, 2:], np.zeros((zero.size, 1)), axis=1),
            plan.first[~without],
            plan.second[~without],
            along[:, 0],
            1.0 / gram[:, 1, 1],
            along[:, 0] * gram[:, 0, 1],
        ),
    )
    merged = []
    for plain, lined in zip(*parts, strict=True):
        whole = np.empty((zero.size, plan.kind.size))
        whole[:, without], whole[:, ~without] = plain, lined
        merged.append(whole)
    r2, slope, var, first, second = merged
    line = np.where(without, 0.0, slope - _end(shape, plan.first) * first - _end(shape, plan.second) * second)
    return _Fits(r2, slope, var, line, first, second)


def _end(shape: Shapes, index: Indices) -> Floats:
    return np.append(shape.end_slope, 0.0)[index]


def _pairs(
    gram: Floats, end: Floats, i: Indices, j: Indices, slope0: Floats, var0: Floats, gain0: Floats
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Gain, end slope with its variance, and both coefficients, of every pair of shapes."""
    forms, size = gram.shape[0], gram.shape[1] - 1
    full = np.zeros((forms, size, size))  # the last row and column stand for "none"
    full[:, :-1, :-1] = gram[:, 2:, 2:]
    full[:, -1, -1] = 1.0
    with_y = np.append(gram[:, 0, 2:], np.zeros((forms, 1)), axis=1)
    end = np.broadcast_to(end, with_y.shape)
    gi, gj, ei, ej = with_y[:, i], with_y[:, j], end[:, i], end[:, j]
    both_none = (i < 0) & (j < 0)
    ii, jj, ij = full[:, i, i], full[:, j, j], np.where(both_none, 0.0, full[:, i, j])
    det = ii * jj - ij * ij
    det = np.where(det > 1e-9 * ii * jj, det, np.nan)
    first, second = (gi * jj - gj * ij) / det, (gj * ii - gi * ij) / det
    slope = slope0[:, None] + ei * first + ej * second
    var = var0[:, None] + (ei * ei * jj - 2.0 * ei * ej * ij + ej * ej * ii) / det
    return gain0[:, None] + first * gi + second * gj, slope, var, first, second
