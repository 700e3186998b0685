"""The explanations that compete for a series.

Time runs from 0 (first sample) to 1 (last). An explanation is a level, a line or not, and up to two
shapes (a step, a bend ...). Its prior probability is shared evenly among the places where its shapes
may sit, so that freedom to choose a place costs what it should.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fleet_collector.trends.resets import Indices
from fleet_collector.trends.samples import Floats

# Before looking: most series are level, and what is not level has stepped as often as it grows.
PRIOR = {
    "level": 0.28,
    "step": 0.12,
    "two steps": 0.06,
    "early growth": 0.06,
    "plateau": 0.05,
    "ramp": 0.04,
    "early growth and step": 0.03,
    "line": 0.16,
    "late growth": 0.06,
    "accelerating": 0.03,
    "bend": 0.03,
    "line and step": 0.05,
    "line and two steps": 0.02,
    "late growth and step": 0.02,
}
KINDS = tuple(PRIOR)

# Between the resets of a sawtooth only the troughs are left to go by: too few for two shapes at once.
OF_TROUGHS = ("level", "step", "early growth", "plateau", "line")

MOST_STEPS = 20
# Growth that starts in the first tenth cannot be told from a line. What starts in the last quarter is a step,
# a burst or a weekend's pause unless it has lasted longer than these.
BENDS = 8
EARLIEST_BEND, LATEST_BEND = 0.1, 0.75
LEAST_DAYS_BEHIND_BEND = 5.0
LEAST_BESIDE_BEND = 4  # samples on either side
MEMORIES = np.array([1 / 24, 1 / 12, 1 / 7, 1 / 4])  # of a warm-up, as parts of the window
# Of growth that accelerates: e to that power times as fast at the end of the window as at its start, above a
# line. The least is as good as a parabola.
PACES = np.array([0.1, 1.0, 2.0])
NONE = -1  # index of the column that is not there (the evidence appends an empty one)


@dataclass(frozen=True)
class Layout:
    """Every explanation: its kind, whether it has a line, the columns of its two shapes."""

    kind: Indices
    lined: Indices
    first: Indices
    second: Indices
    log_prior: Floats


@lru_cache(maxsize=128)
def layout(steps: int, bends: int, kinds: tuple[str, ...] = KINDS) -> Layout:
    """All explanations for a number of steps and of bends (columns in the order of `shapes`)."""
    sizes = (steps, bends, bends, bends * (bends - 1) // 2, MEMORIES.size, PACES.size)
    step, late, early, ramp, memory, swift = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    none = np.array([NONE])
    pairs = step[np.array(np.triu_indices(steps, 1))]
    members = {
        "level": (0, none, none),
        "step": (0, step, none),
        "two steps": (0, *pairs),
        "early growth": (0, early, none),
        "plateau": (0, memory, none),
        "ramp": (0, ramp, none),
        "early growth and step": (0, *_cross(early, step)),
        "line": (1, none, none),
        "late growth": (0, late, none),
        "accelerating": (1, swift, none),
        "bend": (1, late, none),
        "line and step": (1, step, none),
        "line and two steps": (1, *pairs),
        "late growth and step": (0, *_cross(late, step)),
    }
    count = [members[kind][1].size for kind in kinds]
    share = [np.log(PRIOR[kind] / max(n, 1)) for kind, n in zip(kinds, count, strict=True)]
    return Layout(
        kind=np.repeat([KINDS.index(kind) for kind in kinds], count),
        lined=np.repeat([members[kind][0] for kind in kinds], count),
        first=np.concatenate([members[kind][1] for kind in kinds]),
        second=np.concatenate(
            [np.broadcast_to(members[kind][2], n) for kind, n in zip(kinds, count, strict=True)]
        ),
        log_prior=np.repeat(share, count),
    )


def _cross(one: Indices, two: Indices) -> tuple[Indices, Indices]:
    return np.repeat(one, two.size), np.tile(two, one.size)


@dataclass(frozen=True)
class Shapes:
    """The columns over the samples, the slope of each at the last sample, where its step or bend sits."""

    column: Floats
    end_slope: Floats
    place: Floats
    steps: int
    bends: Floats
    layout: Layout

    @property
    def swift(self) -> int:
        """The first column of growth that accelerates."""
        return int(self.column.shape[1] - PACES.size)


def step_places(x: Floats, y: Floats) -> Floats:
    """Midpoints of samples where a step may be: all, or those of most contrast and a few spread evenly."""
    middle = 0.5 * (x[1:] + x[:-1])
    if middle.size <= MOST_STEPS:
        return middle
    total = np.concatenate(([0.0], np.cumsum(y)))
    here = np.arange(1, y.size)
    left, right = np.maximum(here - 3, 0), np.minimum(here + 3, y.size)
    contrast = np.abs(
        (total[right] - total[here]) / (right - here) - (total[here] - total[left]) / (here - left)
    )
    spread = np.linspace(0, middle.size - 1, MOST_STEPS // 2).round().astype(np.intp)
    contrast[spread] = np.inf
    return middle[np.sort(np.argsort(-contrast, kind="stable")[:MOST_STEPS])]


def bend_places(span_days: float) -> Floats:
    """Where growth may begin, end or change its pace."""
    return np.linspace(EARLIEST_BEND, max(LATEST_BEND, 1.0 - LEAST_DAYS_BEHIND_BEND / span_days), BENDS)


def shapes(x: Floats, steps: Floats, bends: Floats, kinds: tuple[str, ...] = KINDS) -> Shapes:
    """All shapes for samples at `x` (0..1, ascending), with steps and bends at given places."""
    bends = bends[(x[-LEAST_BESIDE_BEND] >= bends) & (x[LEAST_BESIDE_BEND - 1] <= bends)]
    when = x[:, None]
    late = np.maximum(when - bends, 0.0)
    one, two = np.triu_indices(bends.size, 1)
    blocks = (
        (when > steps).astype(np.float64),
        late,
        when - late,
        late[:, one] - late[:, two],
        1.0 - np.exp(-when / MEMORIES),
        np.expm1(PACES * when) / PACES,
    )
    place = np.concatenate((steps, bends, bends, bends[two], np.zeros(MEMORIES.size + PACES.size)))
    end_slope = np.concatenate(
        (
            np.zeros(steps.size),
            np.ones(bends.size),
            np.zeros(bends.size + one.size + MEMORIES.size),
            np.exp(PACES),
        )
    )
    return Shapes(
        np.hstack(blocks), end_slope, place, steps.size, bends, layout(steps.size, bends.size, kinds)
    )
