"""Series made for the tests: nightly samples of a shape, with noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet_collector.trends import Trend, analyse

Floats = NDArray[np.floating[Any]]
Shape = Callable[[Floats], Any]

DAY_S = 86_400.0
START = 1_778_400_000.0  # Sunday, 10 May 2026, 08:00 UTC


def nightly(days: int = 60) -> Floats:
    """One sample a night, a few minutes early or late."""
    return np.arange(days) + np.random.default_rng(days).uniform(0.0, 0.01, days)


def five_minutely(days: float) -> Floats:
    """A sample every five minutes."""
    return np.arange(0.0, days, 1.0 / 288.0)


def judged(day: Floats, shape: Shape, noise: float = 1.0, limit: float | None = None, seed: int = 1) -> Trend:
    """The verdict on a shape with normal noise."""
    values = shape(day) + noise * np.random.default_rng(seed).normal(size=day.size)
    return analyse((START + day * DAY_S).tolist(), values.tolist(), limit)
