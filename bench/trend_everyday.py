"""Everyday series that do not grow: what a fleet is full of, and what must not raise an alarm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Rng = np.random.Generator

DAY_S = 86_400.0
START = 1_735_000_000.0


def _flat(rng: Rng, day: Floats) -> Floats:
    return 100.0 + rng.uniform(0.5, 8.0) * rng.normal(size=day.size)


def _heavy_tails(rng: Rng, day: Floats) -> Floats:
    return 100.0 + rng.uniform(0.5, 3.0) * rng.standard_t(2.5, day.size)


def _counts(rng: Rng, day: Floats) -> Floats:
    return rng.poisson(rng.uniform(0.5, 80.0), day.size).astype(np.float64)


def _integers(rng: Rng, day: Floats) -> Floats:
    return np.round(rng.uniform(2.0, 50.0) + rng.uniform(0.2, 1.5) * rng.normal(size=day.size))


def _constant(rng: Rng, day: Floats) -> Floats:
    return np.full(day.size, float(rng.integers(0, 100)))


def _weekly(rng: Rng, day: Floats) -> Floats:
    zone_days = rng.integers(-9, 12) / 24.0
    weekend = (np.floor((START / DAY_S + day) + zone_days).astype(int) + 3) % 7 >= 5
    noise = rng.uniform(1.0, 3.0) * rng.normal(size=day.size)
    return np.asarray(100.0 + rng.uniform(3.0, 20.0) * weekend + noise)


def _wandering(rng: Rng, day: Floats) -> Floats:
    """An Ornstein-Uhlenbeck process that forgets within 1/20 to 1/60 of the window."""
    kept = np.exp(-np.diff(day) * rng.uniform(20.0, 60.0) / day[-1])
    kick = rng.normal(size=day.size)
    out = kick.copy()
    for i, keep in enumerate(kept, start=1):
        out[i] = keep * out[i - 1] + np.sqrt(1.0 - keep * keep) * kick[i]
    return np.asarray(100.0 + rng.uniform(1.0, 6.0) * out)


def _stepped(rng: Rng, day: Floats) -> Floats:
    height = rng.uniform(2.0, 10.0) * rng.choice([-1.0, 1.0])
    return np.asarray(100.0 + rng.normal(size=day.size) + height * (day >= rng.random() * day[-1]))


KINDS: tuple[Callable[[Rng, Floats], Floats], ...] = (
    _flat,
    _heavy_tails,
    _counts,
    _integers,
    _constant,
    _weekly,
    _wandering,
    _stepped,
)


def everyday(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Level series in the form of the benchmark: three in five nightly, the rest hourly and 5-minute."""
    series = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        make = KINDS[number % len(KINDS)]
        step = (1.0, 1.0, 1.0, 1.0 / 24.0, 1.0 / 288.0)[number // len(KINDS) % 5]
        days = rng.uniform(22.0, 100.0) if step == 1.0 else rng.uniform(4.0, 13.0)
        day = np.arange(0.0, days, step)
        day = day + rng.uniform(0.0, 0.05 * step, day.size)
        day = day[rng.random(day.size) >= rng.choice([0.0, 0.03, 0.1])]
        values = np.maximum(make(rng, day), 0.0)
        family = make.__name__.strip("_")
        sampling = "nightly" if step == 1.0 else "fast"
        series.append(
            {
                "id": f"{family}-{number}",
                "family": family,
                "sampling": sampling,
                "label": False,
                "t": (START + day * DAY_S).tolist(),
                "v": values.tolist(),
                "limit": float(values.max()) * 1.5 + 1.0,
                "slope": None,
                "eta": None,
            }
        )
    return series
