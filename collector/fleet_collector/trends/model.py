"""What an analysis of one series says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reset:
    """A sudden fall that ended a run of growth: a restart, a rotation, a clean-up."""

    at: float
    before: float
    after: float


@dataclass(frozen=True)
class Trend:
    """The verdict on one series, with what it takes to explain and to draw it.

    Times are seconds since the epoch; slopes and values are in the unit of the series.

    - `confidence` is the probability that the growth is real, material and still going on.
    - `eta_low` to `eta_high` is a 90 % interval in days from the last sample, `slope_low` to `slope_high` one
      in units a day. `eta_high` is None where the late end is open; all three are None without a forecast.
    - `since` is when the present behaviour began: the first sample, or the last step, bend or reset.
    - `line_at` and `line_values` draw the likeliest explanation, without the cycles named in `removed`.
    - `rival` is the likeliest explanation to the contrary, with its probability.
    - `smallest_slope` is the growth a day that samples like these could just have shown.
    """

    trending: bool
    slope_per_day: float
    confidence: float
    eta_days: float | None
    eta_low: float | None
    eta_high: float | None
    reason: str
    slope_low: float = 0.0
    slope_high: float = 0.0
    samples: int = 0
    span_days: float = 0.0
    since: float | None = None
    explanation: str | None = None
    rival: str | None = None
    rival_probability: float = 0.0
    smallest_slope: float | None = None
    line_at: tuple[float, ...] = ()
    line_values: tuple[float, ...] = ()
    steps: tuple[float, ...] = ()
    resets: tuple[Reset, ...] = ()
    removed: tuple[str, ...] = ()
