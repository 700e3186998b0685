"""What must hold for any series: nothing raises, and no change of unit, week or order changes the verdict."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_collector.trends import Trend, analyse
from tests.collector.trends.series import DAY_S, START

NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=64)
TIMES = st.floats(min_value=0.0, max_value=4e9) | NUMBERS


@st.composite
def plausible(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    """Samples of a line, a step, a cycle and noise in some mixture."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(8, 120))
    day = np.sort(rng.uniform(0.0, draw(st.sampled_from([4.0, 30.0, 90.0])), count))
    values = 100.0 + draw(st.sampled_from([0.0, 0.2, 2.0])) * day + rng.normal(size=count)
    values += draw(st.sampled_from([0.0, 20.0])) * (day > rng.uniform(0.0, day[-1]))
    values += draw(st.sampled_from([0.0, 15.0])) * (day % 7.0 >= 5.0)
    return (START + np.round(day * DAY_S)).tolist(), np.round(values, 3).tolist()


@given(st.lists(st.tuples(TIMES, NUMBERS), max_size=60), NUMBERS | st.none())
@settings(max_examples=150, deadline=None)
def test_nothing_raises_and_all_is_json(samples: list[tuple[float, float]], limit: float | None) -> None:
    trend = analyse([at for at, _ in samples], [value for _, value in samples], limit)
    json.dumps(asdict(trend), allow_nan=False)
    assert 0.0 <= trend.confidence <= 1.0


@given(st.lists(NUMBERS, min_size=8, max_size=60), NUMBERS | st.none())
@settings(max_examples=150, deadline=None)
def test_any_values_at_nightly_times_are_judged(values: list[float], limit: float | None) -> None:
    trend = analyse([START + i * DAY_S for i in range(len(values))], values, limit)
    json.dumps(asdict(trend), allow_nan=False)


@given(st.integers(8, 60), st.lists(st.integers(0, 59), max_size=6), st.sampled_from([0.3, 1.0, 73.0]))
@settings(max_examples=150, deadline=None)
def test_growth_that_falls_anywhere_is_judged(count: int, falls: list[int], step_days: float) -> None:
    values = np.arange(count) * 2.0 + np.random.default_rng(count).normal(size=count) * 0.02
    for fall in falls:
        values[min(fall, count - 1) :] -= values[min(fall, count - 1)]
    at = START + np.arange(count) * step_days * DAY_S
    json.dumps(asdict(analyse(at.tolist(), values.tolist(), 150.0)), allow_nan=False)


def test_a_fall_at_the_last_sample_is_where_the_forecast_begins() -> None:
    at = [START + i * DAY_S for i in range(20)]
    trend = analyse(at, [10.0 + 2.0 * i for i in range(19)] + [10.0], 110.0)
    assert trend.eta_days is not None
    assert 45.0 < trend.eta_days < 55.0


@given(plausible(), st.sampled_from([1.0 / 1024.0, 8.0, 1024.0, 2.0**30]))
@settings(max_examples=40, deadline=None)
def test_the_unit_does_not_matter(samples: tuple[list[float], list[float]], unit: float) -> None:
    at, values = samples
    plain, scaled = analyse(at, values, 250.0), analyse(at, [value * unit for value in values], 250.0 * unit)
    assert _verdict(plain) == _verdict(scaled)
    assert np.isclose(plain.slope_per_day * unit, scaled.slope_per_day, rtol=1e-6, atol=1e-9 * unit)


@given(plausible(), st.integers(1, 200))
@settings(max_examples=40, deadline=None)
def test_whole_weeks_do_not_matter(samples: tuple[list[float], list[float]], weeks: int) -> None:
    at, values = samples
    assert _verdict(analyse(at, values)) == _verdict(analyse([one + weeks * 7 * DAY_S for one in at], values))


@given(plausible(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_does_not_matter(samples: tuple[list[float], list[float]], random: object) -> None:
    pairs = list(zip(*samples, strict=True))
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert analyse(*samples) == analyse([at for at, _ in shuffled], [value for _, value in shuffled])


def test_samples_at_one_time_count_once() -> None:
    at = [START + i * DAY_S for i in range(30)]
    values = [100.0 + 2.0 * i for i in range(30)]
    assert (
        analyse(at * 2, [*values, *[value + 1.0 for value in values]]).slope_per_day
        == analyse(at, [value + 0.5 for value in values]).slope_per_day
    )


def _verdict(trend: Trend) -> tuple[bool, float]:
    return trend.trending, round(trend.confidence, 5)
