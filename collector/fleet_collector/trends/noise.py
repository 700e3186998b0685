"""What noise may look like: independent from sample to sample, or wandering about its level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleet_collector.trends.samples import Floats


@dataclass(frozen=True)
class Forms:
    """Shapes of noise: the share of the variance that wanders, and how long it remembers (of the window)."""

    share: Floats
    memory: Floats
    weight: Floats


# The longest memory is a level that walks at random: what that explains, no window can call a trend. A log
# that is written as requests come walks so about its growth.
ALL = Forms(
    share=np.array([0.0, 0.5, 0.5, 0.5, 0.95, 0.95, 0.95, 0.999]),
    memory=np.array([1.0, 0.02, 0.06, 0.2, 0.02, 0.06, 0.2, 1.0]),
    weight=np.array([0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.05]),
)
# What the runs of a sawtooth share is how high each began, which may vary far more than the samples inside.
OF_TEETH = Forms(
    share=np.array([0.0, 0.5, 0.9, 0.99, 0.999]),
    memory=np.ones(5),
    weight=np.full(5, 0.2),
)
WHITE = Forms(ALL.share[:1], ALL.memory[:1], np.ones(1))


def covariances(apart: Floats, forms: Forms) -> Floats:
    """Correlation matrices (forms x n x n) of white noise with an Ornstein-Uhlenbeck process.

    `apart` is how far apart any two samples are: 0 in the same place, infinite where nothing is shared.
    """
    share, memory = forms.share[:, None, None], forms.memory[:, None, None]
    return np.asarray(share * np.exp(-apart / memory) + (1.0 - share) * np.eye(apart.shape[0]))
