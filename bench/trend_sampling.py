"""When labelled series are sampled, how steep they may be, and what noise remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Rng = np.random.Generator
Signal = Callable[[Floats], Floats]
Made = tuple[
    Floats, Floats, Signal | None, float | None
]  # days, values, what they follow, its slope at the end

DAY_S = 86_400.0
START = 1_742_000_000.0
AHEAD = 6.0  # windows


def sampled(rng: Rng, *, only: str = "") -> Floats:
    """Sample times in days: one of five ways, with a gap in one series of four."""
    kind = only or rng.choice(["nightly", "five minutes", "hourly", "quarter-hourly", "irregular"])
    if kind == "irregular":
        day = np.cumsum(rng.exponential(rng.uniform(0.4, 1.2), int(rng.integers(40, 90))))
    else:
        step = {"nightly": 1.0, "hourly": 1 / 24, "quarter-hourly": 1 / 96, "five minutes": 1 / 288}[kind]
        days = rng.integers(35, 90) if step == 1.0 else rng.uniform(6.0, 13.0)
        day = np.arange(0.0, float(days), step)
        day = day + rng.uniform(0.0, 0.05 * step, day.size)
    keep = rng.random(day.size) >= rng.choice([0.0, 0.03, 0.15])
    if rng.random() < 0.25:
        gap = rng.uniform(0.1, 0.75) * day[-1]
        keep &= (day < gap) | (day > gap + rng.uniform(0.05, 0.15) * day[-1])
    keep[[0, -1]] = True
    return np.asarray(day[keep] - day[0])


def growth(rng: Rng, day: Floats, sd: float, memory: float = 0.0) -> float:
    """A slope a day between 8 and 40 standard errors of a line, and material."""
    independent = min(day.size, day[-1] / (2.0 * memory)) if memory else day.size
    return float(max(rng.uniform(8.0, 40.0) * sd * np.sqrt(12.0 / independent), 1.5 * sd, 4.0) / day[-1])


def remembering(rng: Rng, day: Floats, memory: float) -> Floats:
    """Noise whose correlation falls to 1/e within `memory` days."""
    kept = np.exp(-np.diff(day) / memory)
    kick = rng.normal(size=day.size)
    out = kick.copy()
    for i, keep in enumerate(kept, start=1):
        out[i] = keep * out[i - 1] + np.sqrt(1.0 - keep * keep) * kick[i]
    return out


def weekend(day: Floats) -> NDArray[np.bool_]:
    """Whether it is Saturday or Sunday, UTC."""
    return np.asarray((np.floor(START / DAY_S + day).astype(int) + 3) % 7 >= 5)
