"""Labelled series of further kinds, for figures that no tuning to `trend_series` has touched.

Form and labels mean what they mean in `trend_series/public.py`; families, noise and sampling differ. Besides
nightly and 5-minute samples there are hourly, quarter-hourly and irregular ones.

    python bench/trends.py --data bench/trend_others.py --seed 1 2 3
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.trend_further import FURTHER
from bench.trend_sampling import (
    AHEAD,
    DAY_S,
    START,
    Floats,
    Made,
    Rng,
    Signal,
    growth,
    remembering,
    sampled,
    weekend,
)

OF_EACH = 8


def multiplied_noise(rng: Rng) -> Made:
    """Noise that grows with the values."""
    day, share = sampled(rng), rng.uniform(0.01, 0.06)
    slope = growth(rng, day, 100.0 * share)
    return (
        day,
        (100.0 + slope * day) * (1.0 + share * rng.normal(size=day.size)),
        lambda x: 100.0 + slope * x,
        slope,
    )


def remembering_noise(rng: Rng) -> Made:
    """Noise that wanders about the line."""
    day, sd = sampled(rng), rng.uniform(0.5, 3.0)
    memory = float(rng.uniform(0.005, 0.03) * day[-1])
    slope = growth(rng, day, sd, memory)
    return (
        day,
        100.0 + slope * day + sd * remembering(rng, day, memory),
        lambda x: 100.0 + slope * x,
        slope,
    )


def heavy_tails(rng: Rng) -> Made:
    """A line under noise of Student's kind with 2.5 degrees of freedom."""
    day, sd = sampled(rng), rng.uniform(0.5, 2.0)
    slope = growth(rng, day, 1.5 * sd)
    return day, 100.0 + slope * day + sd * rng.standard_t(2.5, day.size), lambda x: 100.0 + slope * x, slope


def small_counts(rng: Rng) -> Made:
    """Poisson counts whose mean rises."""
    day, mean = sampled(rng), rng.uniform(3.0, 30.0)
    slope = max(
        rng.uniform(0.6, 2.0) * mean / day[-1], 9.0 * np.sqrt(mean) * np.sqrt(12.0 / day.size) / day[-1]
    )
    return (
        day,
        rng.poisson(mean + slope * day).astype(np.float64),
        lambda x: mean + slope * x,
        float(slope),
    )


def whole_percent(rng: Rng) -> Made:
    """A share of something full, in whole percent."""
    day, first = sampled(rng), rng.uniform(15.0, 40.0)
    slope = rng.uniform(8.0, 30.0) / day[-1]
    noise = rng.uniform(0.1, 0.8) * rng.normal(size=day.size)
    return day, np.round(first + slope * day + noise), lambda x: first + slope * x, float(slope)


def daily_batches(rng: Rng) -> Made:
    """A file that gets its lines in one batch a day."""
    day, sd, hour = sampled(rng), rng.uniform(0.05, 0.4), rng.random()
    slope = rng.uniform(10.0, 60.0) / day[-1]

    def signal(x: Floats) -> Floats:
        return np.asarray(100.0 + slope * np.floor(x + hour))

    return day, signal(day) + sd * slope * rng.normal(size=day.size), signal, float(slope)


def weekly_batches(rng: Rng) -> Made:
    """Something that is filled once a week."""
    day, sd, part = sampled(rng, only="nightly"), rng.uniform(0.05, 0.5), 7.0 * rng.random()
    slope = rng.uniform(15.0, 60.0) / day[-1]

    def signal(x: Floats) -> Floats:
        return np.asarray(100.0 + 7.0 * slope * np.floor((x + part) / 7.0))

    return day, signal(day) + sd * slope * rng.normal(size=day.size), signal, float(slope)


def slower_weekends(rng: Rng) -> Made:
    """Growth at one rate from Monday to Friday and a lower one at weekends; its slope is that of the week."""
    day, share = sampled(rng), rng.uniform(0.1, 0.5)
    rate = rng.uniform(20.0, 80.0) / day[-1]
    fine = np.arange(0.0, (AHEAD + 0.1) * day[-1], 0.02)
    total = np.concatenate(([0.0], np.cumsum(np.where(weekend(fine), share, 1.0) * rate * 0.02)))[:-1]

    def signal(x: Floats) -> Floats:
        return np.asarray(100.0 + np.interp(x, fine, total))

    noise = rng.uniform(0.2, 1.5) * rng.normal(size=day.size)
    return day, signal(day) + noise, signal, float(rate * (5.0 + 2.0 * share) / 7.0)


def changed_pace(rng: Rng) -> Made:
    """Growth that became faster or slower on some day, and goes on."""
    day, sd, turn = sampled(rng), rng.uniform(0.5, 2.0), rng.uniform(0.3, 0.6)
    late = growth(rng, day, sd) * 2.0
    early = late * (rng.uniform(1.6, 2.6) if rng.random() < 0.5 else rng.uniform(0.3, 0.6))
    place = turn * day[-1]

    def signal(x: Floats) -> Floats:
        return np.asarray(100.0 + early * np.minimum(x, place) + late * np.maximum(x - place, 0.0))

    return day, signal(day) + sd * rng.normal(size=day.size), signal, late


def exponential(rng: Rng) -> Made:
    """Growth by a share of itself."""
    day = sampled(rng)
    pace = rng.uniform(0.4, 1.6) / day[-1]
    noise = rng.uniform(0.3, 2.0) * rng.normal(size=day.size)
    return (
        day,
        100.0 * np.exp(pace * day) + noise,
        lambda x: 100.0 * np.exp(pace * x),
        float(100.0 * pace * np.exp(pace * day[-1])),
    )


def late_start(rng: Rng) -> Made:
    """Growth that began in the second half."""
    day, sd, start = sampled(rng), rng.uniform(0.5, 2.0), rng.uniform(0.45, 0.68)
    place = start * day[-1]
    slope = 2.5 * growth(rng, day, sd)

    def signal(x: Floats) -> Floats:
        return np.asarray(100.0 + slope * np.maximum(x - place, 0.0))

    return day, signal(day) + sd * rng.normal(size=day.size), signal, slope


def restarted_once(rng: Rng) -> Made:
    """A leak that a restart set back, not quite to its first level."""
    day, place = sampled(rng), rng.uniform(0.2, 0.6)
    slope, back = rng.uniform(40.0, 120.0) / day[-1], rng.uniform(0.7, 1.0)
    fall = back * slope * place * day[-1]

    def signal(x: Floats) -> Floats:
        return np.asarray(100.0 + slope * x - fall * (x >= place * day[-1]))

    noise = rng.uniform(0.01, 0.04) * slope * day[-1] * rng.normal(size=day.size)
    return day, signal(day) + noise, signal, float(slope)


def rising_troughs(rng: Rng) -> Made:
    """A sawtooth of four to twelve teeth whose troughs rise."""
    day, height = sampled(rng), rng.uniform(20.0, 60.0)
    period, jitter = day[-1] / rng.uniform(4.7, 12.0), rng.uniform(0.0, 0.12)
    first = -rng.uniform(0.0, period)
    edge = first + np.concatenate(([0.0], np.cumsum(period * rng.uniform(1 - jitter, 1 + jitter, 400))))
    slope = height * rng.uniform(0.6, 1.5) / day[-1]

    def signal(x: Floats) -> Floats:
        tooth = np.searchsorted(edge, x, side="right") - 1
        return np.asarray(100.0 + slope * x + height * (x - edge[tooth]) / (edge[tooth + 1] - edge[tooth]))

    return day, signal(day) + 0.03 * height * rng.normal(size=day.size), signal, float(slope)


def two_peaks_a_day(rng: Rng) -> Made:
    """A line under a day of two peaks, the weekend flatter."""
    day = sampled(rng, only=str(rng.choice(["five minutes", "hourly", "quarter-hourly"])))
    height, shift, flat = rng.uniform(8.0, 30.0), rng.random(), rng.uniform(0.5, 1.0)
    slope = height * rng.uniform(0.6, 1.6) / day[-1]

    def signal(x: Floats) -> Floats:
        turn = 2.0 * np.pi * (x + shift)
        peaks = np.exp(3.0 * np.cos(turn) - 3.0) + 0.7 * np.exp(3.0 * np.cos(turn - 2.2) - 3.0)
        return np.asarray(100.0 + slope * x + height * peaks * np.where(weekend(x), flat, 1.0))

    return day, signal(day) + 0.1 * height * rng.normal(size=day.size), signal, float(slope)


def quiet_days(rng: Rng) -> Made:
    """A line under a weekend that is lower or higher."""
    day, sd = sampled(rng, only="nightly"), rng.uniform(0.5, 2.0)
    slope, height = growth(rng, day, 2.0 * sd), rng.uniform(4.0, 15.0) * rng.choice([-1.0, 1.0])

    def signal(x: Floats) -> Floats:
        return np.asarray(100.0 + slope * x + height * weekend(x))

    return day, signal(day) + sd * rng.normal(size=day.size), signal, slope


def _level(day: Floats, values: Floats) -> Made:
    return day, values, None, None


def rotated_log(rng: Rng) -> Made:
    """A log that starts from nothing every day or week, at a rate that differs."""
    day = sampled(rng, only=str(rng.choice(["five minutes", "hourly", "irregular"])))
    period = 1.0 if day[-1] < 20.0 else 7.0
    place = (day + rng.random()) / period
    rate = rng.uniform(0.7, 1.3, int(place[-1]) + 1)[place.astype(int)]
    return _level(day, 1000.0 * rate * (place % 1.0) + rng.normal(size=day.size) ** 2)


def two_levels(rng: Rng) -> Made:
    """A value that switches to and fro between two levels."""
    day = sampled(rng)
    switch = np.sort(rng.uniform(0.0, day[-1], int(rng.integers(4, 12))))
    high = np.searchsorted(switch, day) % 2
    return _level(day, 100.0 + rng.uniform(5.0, 20.0) * high + rng.normal(size=day.size))


def month_ends(rng: Rng) -> Made:
    """Three busy days a month."""
    day = sampled(rng, only="nightly")
    busy = (day + 30.0 * rng.random()) % 30.0 > 27.0
    return _level(day, 100.0 + rng.uniform(8.0, 30.0) * busy + rng.normal(size=day.size))


def backup_peaks(rng: Rng) -> Made:
    """Peaks of some nights."""
    day = sampled(rng)
    peak = rng.random(day.size) < rng.uniform(0.05, 0.2)
    return _level(
        day, 100.0 + rng.uniform(10.0, 60.0) * peak * rng.random(day.size) + rng.normal(size=day.size)
    )


def filled_cache(rng: Rng) -> Made:
    """A cache that fills and then stays full."""
    day = sampled(rng)
    filled = np.minimum(day / (rng.uniform(0.15, 0.55) * day[-1]), 1.0)
    return _level(day, 40.0 + 60.0 * filled + rng.uniform(0.3, 2.0) * rng.normal(size=day.size))


def settling(rng: Rng) -> Made:
    """An approach to a level that is reached by the middle of the window."""
    day = sampled(rng)
    left = np.exp(-day / day[-1] * rng.uniform(8.0, 16.0))
    return _level(day, 100.0 - rng.uniform(20.0, 70.0) * left + rng.normal(size=day.size))


def late_step(rng: Rng) -> Made:
    """One step up in the last third."""
    day, sd = sampled(rng), rng.uniform(0.5, 2.0)
    after = day > rng.uniform(0.68, 0.95) * day[-1]
    return _level(day, 100.0 + sd * rng.uniform(4.0, 15.0) * after + sd * rng.normal(size=day.size))


def immaterial(rng: Rng) -> Made:
    """Growth that is sure, and too small to matter."""
    day = sampled(rng)
    return _level(day, 100.0 + rng.uniform(0.1, 0.4) * day / day[-1] + 0.02 * rng.normal(size=day.size))


def falling(rng: Rng) -> Made:
    """A decline that slows down."""
    day = sampled(rng)
    return _level(day, 60.0 + 60.0 * np.exp(-day / day[-1] * 3.0) + rng.normal(size=day.size))


def grey_noise(rng: Rng) -> Made:
    """Noise on two time scales about a level."""
    day = sampled(rng)
    slow = remembering(rng, day, day[-1] / rng.uniform(20.0, 60.0))
    return _level(day, 100.0 + 2.0 * slow + rng.uniform(0.5, 3.0) * rng.normal(size=day.size))


RISING: tuple[Callable[[Rng], Made], ...] = (
    multiplied_noise,
    remembering_noise,
    heavy_tails,
    small_counts,
    whole_percent,
    daily_batches,
    weekly_batches,
    slower_weekends,
    changed_pace,
    exponential,
    late_start,
    restarted_once,
    rising_troughs,
    two_peaks_a_day,
    quiet_days,
)
LEVEL: tuple[Callable[[Rng], Made], ...] = (
    rotated_log,
    two_levels,
    month_ends,
    backup_peaks,
    filled_cache,
    settling,
    late_step,
    immaterial,
    falling,
    grey_noise,
)


def generate(seed: int = 1) -> list[dict[str, Any]]:
    """Eight series of each family."""
    return [
        _series(make, np.random.default_rng([seed, number, turn]), turn)
        for number, make in enumerate(RISING + LEVEL + FURTHER)
        for turn in range(OF_EACH)
    ]


def _series(make: Callable[[Rng], Made], rng: Rng, turn: int) -> dict[str, Any]:
    day, values, signal, slope = make(rng)
    values = np.maximum(values, 0.0)
    limit, eta = float(values.max()) * rng.uniform(1.05, 2.0), None
    if signal is not None:
        limit, eta = _due(rng, day, values, signal)
    return {
        "id": f"{make.__name__}-{turn}",
        "family": make.__name__,
        "sampling": "nightly" if day.size <= 120 else "fast",
        "label": signal is not None,
        "t": (START + day * DAY_S).tolist(),
        "v": values.tolist(),
        "limit": limit,
        "slope": slope,
        "eta": eta,
    }


def _due(rng: Rng, day: Floats, values: Floats, signal: Signal) -> tuple[float, float | None]:
    """A limit above all values that the signal meets, and the days until it does."""
    span = float(day[-1])
    some_day = np.array([span * (1.0 + rng.uniform(0.2, 2.5))])
    limit = max(float(signal(some_day)[0]), float(values.max()) * 1.01)
    ahead = span * np.linspace(1.0, AHEAD, 50_001)[1:]
    reached = np.flatnonzero(signal(ahead) >= limit)
    return limit, float(ahead[reached[0]]) - span if reached.size else None
