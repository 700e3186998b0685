"""More labelled series for `trend_others`: what changed lately, teeth of unequal height, values that walk."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.trend_sampling import Floats, Made, Rng, Signal, sampled


def begun_lately(rng: Rng) -> Made:
    """Nights at a level, growth since six to twenty days."""
    day, sd = sampled(rng, only="nightly"), rng.uniform(0.5, 2.0)
    place = day[-1] - rng.uniform(6.0, 20.0)
    since = np.maximum(day - place, 0.0)
    error = sd / np.sqrt(((since - since.mean()) ** 2).sum())
    slope = float(max(rng.uniform(12.0, 40.0) * error, 8.0 * sd / (day[-1] - place)))

    def signal(x: Floats) -> Floats:
        return np.asarray(100.0 + slope * np.maximum(x - place, 0.0))

    return day, signal(day) + sd * rng.normal(size=day.size), signal, slope


def ended_lately(rng: Rng) -> Made:
    """Nights of growth, none for eight to twenty days."""
    day, sd = sampled(rng, only="nightly"), rng.uniform(0.5, 2.0)
    ended = rng.uniform(8.0, 20.0)
    slope = rng.uniform(10.0, 30.0) * sd / ended
    return day, 100.0 + slope * np.minimum(day, day[-1] - ended) + sd * rng.normal(size=day.size), None, None


def parabola(rng: Rng) -> Made:
    """Growth that gains the same speed every day."""
    day, rise, even = sampled(rng), rng.uniform(10.0, 80.0), rng.uniform(0.0, 0.5)
    sd = rise * rng.uniform(0.01, 0.05)

    def signal(x: Floats) -> Floats:
        part = x / day[-1]
        return np.asarray(100.0 + rise * (even * part + (1.0 - even) * part * part))

    return day, signal(day) + sd * rng.normal(size=day.size), signal, float(rise * (2.0 - even) / day[-1])


def busier_days(rng: Rng) -> Made:
    """A daily cycle that grows with the level."""
    day = sampled(rng, only=str(rng.choice(["five minutes", "hourly", "quarter-hourly"])))
    slope, height, shift = rng.uniform(25.0, 100.0) / day[-1], rng.uniform(0.15, 0.5), rng.random()

    def signal(x: Floats) -> Floats:
        return np.asarray((100.0 + slope * x) * (1.0 + height * np.cos(2.0 * np.pi * (x + shift))))

    return (
        day,
        signal(day) * (1.0 + rng.uniform(0.01, 0.04) * rng.normal(size=day.size)),
        signal,
        float(slope),
    )


def written_on_request(rng: Rng) -> Made:
    """A log whose length is a sum of random parts, and so walks at random about its growth."""
    day, differs, slope = sampled(rng), rng.uniform(0.1, 0.5), rng.uniform(10.0, 100.0)
    slope /= day[-1]
    shape = np.diff(day) / differs**2  # the parts of one day add up to a sum with this relative deviation
    values = 100.0 + slope * np.concatenate(([0.0], np.cumsum(rng.gamma(shape) * differs**2)))
    now = float(values[-1])
    return day, values, lambda x: np.asarray(now + slope * (x - day[-1])), float(slope)


def walking(rng: Rng) -> Made:
    """A level that walks at random, and so far that it drifts by chance."""
    day = sampled(rng)
    step = np.sqrt(np.diff(day) / day[-1]) * rng.normal(size=day.size - 1)
    return day, 200.0 + rng.uniform(2.0, 30.0) * np.concatenate(([0.0], np.cumsum(step))), None, None


def _collected(rng: Rng, day: Floats, slope: float, height: float) -> tuple[Floats, Signal]:
    """Memory that grows until it is collected, after times that differ; the higher the later."""
    period = day[-1] / rng.uniform(6.0, 30.0)
    length = period * np.maximum(rng.gamma(12.0, 1.0 / 12.0, 400), 0.3)
    edge = np.concatenate(([0.0], np.cumsum(length))) - rng.uniform(0.0, period)

    def signal(x: Floats) -> Floats:
        return np.asarray(
            100.0 + slope * x + height * (x - edge[np.searchsorted(edge, x, "right") - 1]) / period
        )

    return signal(day) + 0.03 * height * rng.normal(size=day.size), signal


def rising_collections(rng: Rng) -> Made:
    """Unequal teeth whose troughs rise."""
    day, height = (
        sampled(rng, only=str(rng.choice(["five minutes", "quarter-hourly"]))),
        rng.uniform(15.0, 50.0),
    )
    slope = float(height * rng.uniform(0.6, 1.5) / day[-1])
    values, signal = _collected(rng, day, slope, height)
    return day, values, signal, slope


def level_collections(rng: Rng) -> Made:
    """Unequal teeth whose troughs do not rise."""
    day = sampled(rng, only=str(rng.choice(["five minutes", "quarter-hourly"])))
    return day, _collected(rng, day, 0.0, rng.uniform(15.0, 50.0))[0], None, None


FURTHER: tuple[Callable[[Rng], Made], ...] = (
    begun_lately,
    ended_lately,
    parabola,
    busier_days,
    written_on_request,
    walking,
    rising_collections,
    level_collections,
)
