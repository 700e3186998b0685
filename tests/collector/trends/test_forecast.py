"""When the limit is reached."""

from __future__ import annotations

import numpy as np
import pytest

from tests.collector.trends.series import DAY_S, START, Floats, five_minutely, judged, nightly


def test_the_interval_holds_the_truth() -> None:
    inside = 0
    for seed in range(20):
        trend = judged(nightly(), lambda x: 100.0 + 0.5 * x, noise=2.0, limit=160.0, seed=seed)
        assert trend.eta_days is not None
        assert trend.eta_low is not None
        assert trend.eta_low <= trend.eta_days
        truth = 120.0 - nightly()[-1]
        assert trend.eta_days == pytest.approx(truth, rel=0.4)
        inside += trend.eta_low <= truth and (trend.eta_high is None or truth <= trend.eta_high)
    assert inside >= 16


def test_the_peak_of_the_daily_cycle_reaches_the_limit_first() -> None:
    day = five_minutely(8.0)
    hour = START / 3600.0 % 24.0

    def cycle(x: Floats) -> Floats:
        return np.asarray(100.0 + 3.0 * x + 20.0 * np.sin((hour + x * 24.0) / 24.0 * 2.0 * np.pi))

    ahead = np.arange(8.0, 60.0, 0.01)
    truth = ahead[np.argmax(cycle(ahead) >= 160.0)] - day[-1]
    trend = judged(day, cycle, limit=160.0)
    assert trend.eta_days == pytest.approx(truth, abs=1.5)


def test_the_peaks_of_rising_teeth_reach_the_limit_first() -> None:
    trend = judged(nightly(70), lambda x: 100.0 + 0.5 * x + 4.0 * (x % 7.3), limit=185.0)
    assert trend.eta_low is not None
    assert trend.eta_high is not None
    # The troughs are there after 170 days, the peaks (29 above) after 112.
    assert trend.eta_low <= 112.0 - 69.0 <= trend.eta_high


def test_a_limit_that_is_reached_is_reached_now() -> None:
    trend = judged(nightly(), lambda x: 100.0 + 0.5 * x, limit=50.0)
    assert (trend.eta_days, trend.eta_low, trend.eta_high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("limit", [None, float("nan"), float("inf")])
def test_no_forecast_without_a_limit(limit: float | None) -> None:
    trend = judged(nightly(), lambda x: 100.0 + 0.5 * x, limit=limit)
    assert trend.trending
    assert trend.eta_days is None


def test_growth_that_speeds_up_gets_there_sooner() -> None:
    trend = judged(nightly(), lambda x: 100.0 + 0.02 * x * x, limit=300.0)
    assert trend.eta_days == pytest.approx(100.0 - 59.0, rel=0.3)
    assert trend.line_at[-1] - DAY_S <= START + 59.0 * DAY_S


def test_growth_that_gains_speed_evenly_goes_on_as_a_parabola() -> None:
    inside = 0
    for seed in range(20):
        trend = judged(nightly(), lambda x: 100.0 + 0.02 * x * x, limit=400.0, seed=seed)
        assert trend.eta_low is not None
        inside += trend.eta_low <= np.sqrt(15_000.0) - nightly()[-1] <= (trend.eta_high or np.inf)
    assert inside >= 16


def test_a_daily_peak_that_grows_with_the_level_reaches_the_limit() -> None:
    day = np.arange(0.0, 14.0, 1.0 / 24.0)

    def traffic(x: Floats) -> Floats:
        return np.asarray((100.0 + 4.0 * x) * (1.0 + 0.4 * np.cos(2.0 * np.pi * x)))

    ahead = np.arange(14.0, 60.0, 0.01)
    truth = ahead[np.argmax(traffic(ahead) >= 280.0)] - day[-1]  # with peaks of one height: a week later
    for seed in range(5):
        trend = judged(day, traffic, limit=280.0, seed=seed)
        assert trend.eta_days == pytest.approx(truth, abs=2.1)


@pytest.mark.parametrize("teeth", [12, 30])
def test_the_tall_teeth_reach_the_limit_first(teeth: int) -> None:
    day, inside, late = five_minutely(8.0), 0, 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        period = 8.0 / teeth
        edge = np.cumsum(np.append(-rng.uniform(0.0, period), period * rng.uniform(0.6, 1.4, 6 * teeth)))

        def heap(x: Floats, edge: Floats = edge, period: float = period) -> Floats:
            since = x - edge[np.searchsorted(edge, x, side="right") - 1]
            return np.asarray(100.0 + 4.0 * x + 30.0 * since / period)

        ahead = np.arange(8.0, 40.0, 0.01)
        truth = ahead[np.argmax(heap(ahead) >= 190.0)] - day[-1]
        trend = judged(day, heap, limit=190.0, seed=seed)
        assert trend.eta_low is not None
        late += trend.eta_low > truth
        inside += trend.eta_low <= truth <= (trend.eta_high or np.inf)
    assert inside >= 14
    assert late <= 4


def test_an_hour_that_is_never_sampled_has_no_peak() -> None:
    """Two samples a day say nothing of noon."""
    day = np.sort(np.concatenate((np.arange(40.0) + 0.25, np.arange(40.0) + 0.75)))
    day = day + np.random.default_rng(1).uniform(0.0, 0.004, day.size)
    hour = START / DAY_S

    def uneven(x: Floats) -> Floats:
        return np.asarray(100.0 + 0.5 * x + 8.0 * np.sin(2.0 * np.pi * (x + hour)))

    for seed in range(5):
        trend = judged(day, uneven, limit=150.0, seed=seed)
        assert trend.eta_days == pytest.approx((150.0 - 8.0 - 120.0) / 0.5, rel=0.6)
