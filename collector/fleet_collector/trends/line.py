"""The likeliest explanation, its line and its rival, for people to see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleet_collector.trends.growth import Growth, fitted
from fleet_collector.trends.hypotheses import KINDS, NONE
from fleet_collector.trends.samples import DAY_S, Floats
from fleet_collector.trends.window import Window


@dataclass(frozen=True)
class Seen:
    """One explanation: its kind, its line over the window, where it steps, since when it holds."""

    kind: str
    at: tuple[float, ...]
    values: tuple[float, ...]
    since: float
    steps: tuple[float, ...]
    removed: tuple[str, ...]
    rival: str | None
    rival_probability: float


def describe(growth: Growth, trending: bool) -> Seen:
    """The likeliest explanation on the side of the verdict, and the likeliest kind on the other."""
    window, shape, posterior = growth.window, growth.shape, growth.posterior
    still = posterior.weight - growth.share
    ours, theirs = (growth.pace, still) if trending else (still, growth.share)
    kind_of = shape.layout.kind[posterior.row]
    by_kind = np.bincount(kind_of, weights=ours, minlength=len(KINDS))
    kind = int(np.argmax(by_kind))
    best = int(np.argmax(np.where(kind_of == kind, ours, -1.0)))
    against = np.bincount(kind_of, weights=theirs, minlength=len(KINDS))
    rival = int(np.argmax(against))
    row = posterior.row[best]
    columns = (int(shape.layout.first[row]), int(shape.layout.second[row]))
    placed = [i for i in columns if i != NONE and shape.place[i] > 0.0]
    when = {i: window.start + float(shape.place[i]) * window.span_days * DAY_S for i in placed}
    return Seen(
        kind=KINDS[kind],
        at=tuple(window.at.tolist()),
        values=tuple(_line(growth, best).tolist()),
        since=max(when.values(), default=window.start),
        steps=tuple(sorted(at for i, at in when.items() if i < shape.steps)),
        removed=_removed(window),
        rival=KINDS[rival] if against[rival] > 0.0 else None,
        rival_probability=float(against[rival]),
    )


def _line(growth: Growth, row: int) -> Floats:
    """The explanation in the unit of the values, with a reset but without cycles."""
    window = growth.window
    line = fitted(growth.posterior, growth.shape, window.x, row)[:, 0]
    taken = np.linalg.lstsq(window.nuisance, growth.y - line, rcond=None)[0]
    kept = 2 if window.runs is not None and window.runs.resets == 1 else 1
    return (line + window.nuisance[:, :kept] @ taken[:kept]) * window.scale + window.centre


def _removed(window: Window) -> tuple[str, ...]:
    names = []
    if window.daily is not None:
        names.append("daily cycle")
    if window.weekly is not None:
        names.append("weekly cycle")
    if window.teeth is not None:
        names.append("sawtooth")
    return tuple(names)
