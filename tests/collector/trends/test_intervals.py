"""Intervals: as wide as what is not known, and no wider."""

from __future__ import annotations

import numpy as np
import pytest

from fleet_collector.trends.resets import find_runs
from fleet_collector.trends.samples import Samples
from fleet_collector.trends.window import open_window
from tests.collector.trends.series import DAY_S, START, Floats, five_minutely, judged, nightly

NINETY_PERCENT = 2.0 * 1.645  # standard deviations
SEEDS = range(20)


@pytest.mark.parametrize("slope", [0.3, 0.5, 1.0])
def test_the_slope_is_as_sure_as_least_squares_says(slope: float) -> None:
    day, noise = nightly(), 2.0
    known = NINETY_PERCENT * noise / np.sqrt(((day - day.mean()) ** 2).sum())
    trends = [judged(day, lambda x: 100.0 + slope * x, noise, seed=seed) for seed in SEEDS]
    wider = [(trend.slope_high - trend.slope_low) / known for trend in trends]
    inside = [trend.slope_low <= slope <= trend.slope_high for trend in trends]
    assert 1.0 <= np.median(wider) <= 1.8
    assert sum(inside) >= 16


def test_noise_that_wanders_widens_the_interval() -> None:
    def wandering(rng: np.random.Generator) -> Floats:
        kick = rng.normal(size=60)
        out = np.zeros(60)
        for i in range(1, 60):
            out[i] = 0.8 * out[i - 1] + 0.6 * kick[i]
        return 2.0 * out

    inside = 0
    for seed in SEEDS:
        wander = wandering(np.random.default_rng(100 + seed))
        trend = judged(nightly(), lambda x, w=wander: 100.0 + 0.8 * x + w, noise=0.1, seed=seed)  # type: ignore[misc]
        inside += trend.slope_low <= 0.8 <= trend.slope_high
    assert inside >= 16


def test_late_growth_is_measured_wherever_it_began() -> None:
    inside = 0
    for start in (20.0, 27.3, 31.5, 35.0):
        trends = [
            judged(nightly(), lambda x, s=start: 100.0 + 1.5 * np.maximum(x - s, 0.0), seed=seed)  # type: ignore[misc]
            for seed in SEEDS
        ]
        assert np.mean([trend.slope_per_day for trend in trends]) == pytest.approx(1.5, rel=0.06)
        inside += sum(trend.slope_low <= 1.5 <= trend.slope_high for trend in trends)
    assert inside >= 64  # of 80


@pytest.mark.parametrize("pace", [0.6, 1.0, 1.5])
def test_exponential_growth_gets_there_in_the_interval(pace: float) -> None:
    day, inside, error = nightly(), 0, []
    truth = 60.0 / pace * np.log(8.0) - day[-1]
    for seed in SEEDS:
        trend = judged(day, lambda x: 100.0 * np.exp(pace * x / 60.0), limit=800.0, seed=seed)
        assert trend.eta_days is not None
        assert trend.eta_low is not None
        inside += trend.eta_low <= truth <= (trend.eta_high or np.inf)
        error.append(abs(trend.eta_days / truth - 1.0))
    assert inside >= 16
    assert np.median(error) < 0.25


@pytest.mark.parametrize("fall", [20.0, 60.0, 150.0])
def test_a_fall_that_slows_down_is_no_growth(fall: float) -> None:
    for seed in SEEDS:
        trend = judged(nightly(), lambda x: 100.0 + fall * np.exp(-x / 20.0), limit=500.0, seed=seed)
        assert not trend.trending, trend.reason


def test_the_daily_peak_is_not_that_of_the_noise() -> None:
    day = five_minutely(5.0)
    hour = (START / 3600.0 + day * 24.0) % 24.0
    busy = 20.0 * ((hour >= 8.0) & (hour < 18.0))
    over = []
    for seed in range(10):
        value = 100.0 + 2.0 * day + busy + 2.0 * np.random.default_rng(seed).normal(size=day.size)
        daily = open_window(Samples(START + day * DAY_S, value), None).daily
        assert daily is not None
        over.append(float(daily.profile.max()) - (20.0 - busy.mean()))
    assert np.mean(over) == pytest.approx(0.0, abs=0.6)


def test_a_forecast_is_no_finer_than_the_samples() -> None:
    """A batch a day comes at an hour that nightly samples do not show."""
    for part in (0.3, 0.5, 0.7):
        trend = judged(nightly(), lambda x, p=part: 100.0 + 0.5 * np.floor(x + p), noise=0.01, limit=150.0)  # type: ignore[misc]
        truth = 100.0 - part - nightly()[-1]
        assert trend.eta_low is not None
        assert trend.eta_high is not None
        assert trend.eta_low <= truth <= trend.eta_high
        assert trend.eta_high - trend.eta_low >= 1.0


def test_irregular_samples_show_the_teeth() -> None:
    found = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        day = np.cumsum(rng.exponential(0.6, 90))
        runs = find_runs(day, 100.0 + 0.6 * day + 5.0 * (day % 6.0) + rng.normal(size=day.size))
        found.append(runs is not None and abs(runs.slope - 5.6) < 0.6)
    assert sum(found) >= 17


def test_a_reset_in_a_gap_does_not_flatten_the_teeth() -> None:
    day = five_minutely(12.0)
    day = day[(day < 7.0) | (day > 9.05)]  # the reset at 8.0 was not seen
    runs = find_runs(day, 100.0 + 1.0 * day + 20.0 * (day % 2.0))
    assert runs is not None
    assert runs.resets == 4
    assert runs.slope == pytest.approx(21.0, rel=0.01)
