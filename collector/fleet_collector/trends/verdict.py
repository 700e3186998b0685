"""The verdict on one series, from samples to `Trend`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fleet_collector.trends import reasons, resets
from fleet_collector.trends.forecast import forecast, weighted_quantiles
from fleet_collector.trends.growth import Growth, judge
from fleet_collector.trends.line import Seen, describe
from fleet_collector.trends.model import Reset, Trend
from fleet_collector.trends.resets import Runs
from fleet_collector.trends.samples import LEAST_SAMPLES, Samples, clean
from fleet_collector.trends.window import open_window

# Nor do any number of samples of less than two days.
LEAST_DAYS = 2.0
# A line through three troughs proves little.
LEAST_RESETS_FOR_TROUGHS = 4
LEAST_BESIDE_NUISANCE = 6
TRENDING_FROM = 0.5
# What growth an observer who knows the noise would call.
SHOWN_SIGMAS = 4.5


def analyse(at: Sequence[float], values: Sequence[float], limit: float | None = None) -> Trend:
    """Say whether a series grows, how fast, how surely, and when it reaches its limit.

    `at` is in seconds since the epoch, in any order, with gaps; `values` and `limit` share any unit, and
    more is worse. What is not finite is left out. Never raises on numbers.
    """
    samples = clean(at, values)
    count, span_days = samples.at.size, samples.span_days
    if count < LEAST_SAMPLES or span_days < LEAST_DAYS:
        return _silent(samples, reasons.too_little(count, span_days, LEAST_SAMPLES))
    if float(np.ptp(samples.value)) == 0.0:
        return _silent(samples, f"level since {reasons.date(float(samples.at[0]))}")
    runs = resets.find_runs(samples.days, samples.value)
    falls = _falls(samples, runs)
    samples, runs = _present(samples, runs)
    if runs is not None and 2 <= runs.resets < LEAST_RESETS_FOR_TROUGHS:
        return _silent(samples, _sawtooth(samples, runs), falls)
    window = open_window(samples, runs)
    if window.x.size < window.nuisance.shape[1] + LEAST_BESIDE_NUISANCE:
        return _silent(samples, f"{window.x.size} samples are too few for what repeats in them", falls)
    return _verdict(judge(window), samples, falls, limit)


def _silent(samples: Samples, reason: str, falls: tuple[Reset, ...] = ()) -> Trend:
    return Trend(
        trending=False,
        slope_per_day=0.0,
        confidence=0.0,
        eta_days=None,
        eta_low=None,
        eta_high=None,
        reason=reason,
        samples=int(samples.at.size),
        span_days=samples.span_days,
        since=float(samples.at[0]) if samples.at.size else None,
        resets=falls,
    )


def _falls(samples: Samples, runs: Runs | None) -> tuple[Reset, ...]:
    if runs is None:
        return ()
    return tuple(
        Reset(float(samples.at[i]), float(samples.value[i - 1]), float(samples.value[i]))
        for i in runs.first[1:]
    )


def _present(samples: Samples, runs: Runs | None) -> tuple[Samples, Runs | None]:
    """The present run alone where it is clearly above the earlier peaks and long enough to judge."""
    if runs is None or runs.resets < 2 or not resets.present_run_stands_out(samples.value, runs):
        return samples, runs
    present = samples.since(float(samples.at[runs.first[-1]]))
    if present.at.size < LEAST_SAMPLES or present.span_days < LEAST_DAYS:
        return samples, runs
    return present, None


def _sawtooth(samples: Samples, runs: Runs) -> str:
    period = float(np.median(np.diff(resets.reset_times(samples.days, runs))))
    after, before = samples.value[runs.first[1:]], samples.value[runs.first[1:] - 1]
    to_nothing = 0.0 <= float(np.median(after)) < 0.2 * float(np.median(before))
    return reasons.sawtooth(period, to_nothing)


def _verdict(growth: Growth, samples: Samples, falls: tuple[Reset, ...], limit: float | None) -> Trend:
    window, posterior = growth.window, growth.posterior
    per_day = window.scale / window.span_days
    trending = growth.probability >= TRENDING_FROM
    weight = growth.pace if trending else posterior.weight
    slope = float(weight @ posterior.slope) / float(weight.sum()) * per_day
    low, high = (per_day * end for end in weighted_quantiles(posterior.slope, posterior.slope_sd, weight))
    seen = describe(growth, trending)
    days = forecast(growth, limit) if trending and limit is not None and math.isfinite(limit) else None
    return Trend(
        trending=trending,
        slope_per_day=slope,
        confidence=growth.probability,
        eta_days=days[1] if days else None,
        eta_low=days[0] if days else None,
        eta_high=days[2] if days else None,
        reason=_reason(growth, samples, seen, slope, trending),
        slope_low=low,
        slope_high=high,
        samples=int(samples.at.size),
        span_days=samples.span_days,
        since=seen.since,
        explanation=seen.kind,
        rival=seen.rival,
        rival_probability=seen.rival_probability,
        smallest_slope=max(SHOWN_SIGMAS * posterior.line_sd, growth.material) * per_day,
        line_at=seen.at,
        line_values=seen.values,
        steps=seen.steps,
        resets=falls,
        removed=seen.removed,
    )


def _reason(growth: Growth, samples: Samples, seen: Seen, slope: float, trending: bool) -> str:
    window = growth.window
    if trending:
        bent = seen.since if seen.since > window.start else None
        toothed = window.tooth is not None
        return reasons.growing(slope, bent, int(samples.at.size), samples.span_days, troughs=toothed)
    if window.runs is not None and window.teeth is not None:
        return _sawtooth(samples, window.runs)
    return reasons.quiet(seen.kind, seen.since, seen.steps, seen.removed, slope)
