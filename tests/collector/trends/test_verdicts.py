"""What grows, and what only looks like it: one plain case for each definition."""

from __future__ import annotations

import numpy as np
import pytest

from fleet_collector.trends import analyse
from tests.collector.trends.series import DAY_S, START, Floats, Shape, five_minutely, judged, nightly


def _weekend(day: Floats) -> Floats:
    return np.asarray((np.floor(START / DAY_S + day).astype(int) + 3) % 7 >= 5, dtype=np.float64)


def _hour(day: Floats) -> Floats:
    return (START / 3600.0 + day * 24.0) % 24.0


GROWING: dict[str, tuple[Shape, float]] = {
    "a line": (lambda x: 100.0 + 0.5 * x, 0.5),
    "growth with a weekly cycle": (lambda x: 100.0 + 0.5 * x + 15.0 * _weekend(x), 0.5),
    "late growth": (lambda x: 100.0 + 1.5 * np.maximum(x - 30.0, 0.0), 1.5),
    "growth with a step down": (lambda x: 140.0 + 0.8 * x - 25.0 * (x >= 30.0), 0.8),
    "growth with two steps": (lambda x: 140.0 + 0.8 * x - 25.0 * (x >= 20.0) + 20.0 * (x >= 40.0), 0.8),
    "a leak reset once": (lambda x: 100.0 + 1.5 * np.where(x < 25.0, x, x - 25.0), 1.5),
    "a leak reset twice, now above": (
        lambda x: 50.0 + 2.0 * (x - 10.0 * (x >= 10.0) - 10.0 * (x >= 20.0)),
        2.0,
    ),
    "rising troughs": (lambda x: 100.0 + 0.5 * x + 4.0 * (x % 7.3), 0.5),
    "spikes on growth": (lambda x: 100.0 + 0.5 * x + 40.0 * (np.arange(x.size) % 17 == 5), 0.5),
}

LEVEL: dict[str, Shape] = {
    "level": lambda x: 100.0 + 0.0 * x,
    "a weekly cycle": lambda x: 100.0 + 20.0 * _weekend(x),
    "a sawtooth": lambda x: 100.0 + 6.0 * (x % 7.3),
    "a step": lambda x: 100.0 + 8.0 * (x >= 37.0),
    "a step after a gap": lambda x: 100.0 + 8.0 * (x >= 40.0),
    "a burst": lambda x: 100.0 + 30.0 * ((x >= 31.0) & (x < 34.0)),
    "a burst in progress": lambda x: 100.0 + 30.0 * (x >= x[-1] - 1.2),
    "growth that ended": lambda x: 100.0 + np.minimum(x, 28.0),
    "a warm-up": lambda x: 100.0 - 50.0 * np.exp(-x / 5.0),
    "decline": lambda x: 200.0 - x,
    "immaterial drift": lambda x: 1000.0 + 0.01 * x,
    "a reboot": lambda x: np.where((x >= 30.0) & (x < 31.0), 20.0, 100.0),
}


@pytest.mark.parametrize("name", GROWING)
def test_growth_is_seen_with_its_slope(name: str) -> None:
    shape, slope = GROWING[name]
    trend = judged(nightly(), shape)
    assert trend.trending, trend.reason
    assert trend.confidence > 0.8
    assert trend.slope_per_day == pytest.approx(slope, rel=0.3)
    assert trend.slope_low < trend.slope_per_day < trend.slope_high


@pytest.mark.parametrize("name", LEVEL)
def test_what_does_not_grow_is_no_trend(name: str) -> None:
    day = nightly()
    if "gap" in name:
        day = day[(day < 30.0) | (day >= 40.0)]
    trend = judged(day, LEVEL[name], limit=300.0)
    assert not trend.trending, trend.reason
    assert trend.confidence < 0.5
    assert (trend.eta_days, trend.eta_low, trend.eta_high) == (None, None, None)


def test_a_daily_cycle_is_taken_out_of_fast_samples() -> None:
    day = five_minutely(6.0)
    cycle = judged(day, lambda x: 100.0 + 30.0 * np.sin(_hour(x) / 24.0 * 2.0 * np.pi))
    assert not cycle.trending
    assert "daily cycle" in cycle.removed
    both = judged(day, lambda x: 100.0 + 4.0 * x + 30.0 * np.sin(_hour(x) / 24.0 * 2.0 * np.pi))
    assert both.trending
    assert both.slope_per_day == pytest.approx(4.0, rel=0.15)


@pytest.mark.parametrize(
    ("count", "reason"), [(0, "no samples"), (1, "1 sample is too few"), (7, "7 samples are too few")]
)
def test_seven_samples_are_too_few(count: int, reason: str) -> None:
    trend = analyse([START + i * DAY_S for i in range(count)], [100.0 + 10.0 * i for i in range(count)])
    assert (trend.trending, trend.reason) == (False, reason)


def test_less_than_two_days_of_fast_samples_are_too_few() -> None:
    trend = judged(five_minutely(1.9), lambda x: 100.0 + 30.0 * x)
    assert (trend.trending, trend.reason) == (False, "46 hours of samples are too few")


def test_reasons_are_plain() -> None:
    assert judged(nightly(), lambda x: 6.0 * (x % 7.3), noise=0.3).reason == "rotates about weekly"
    assert judged(nightly(), lambda x: 100.0 + 0.0 * x, noise=0.0).reason == "level since 10 May"
    assert (
        judged(nightly(), lambda x: 100.0 + 3.1 * x, noise=0.1).reason
        == "grows 3.1 a day, 60 samples over 59 days"
    )
    assert judged(nightly(), lambda x: 100.0 + 20.0 * (x >= 30.0)).reason == "one step on 8 Jun, level since"
    assert judged(nightly(), lambda x: 100.0 + 20.0 * _weekend(x)).reason == "weekly cycle only"


def test_the_explanation_can_be_drawn() -> None:
    trend = judged(nightly(), lambda x: 140.0 + 0.8 * x - 25.0 * (x >= 30.0))
    assert len(trend.line_at) == len(trend.line_values) == 60
    at = START + nightly() * DAY_S
    assert np.allclose(trend.line_values, 140.0 + 0.8 * nightly() - 25.0 * (nightly() >= 30.0), atol=2.0)
    assert trend.line_at[0] == pytest.approx(at[0])
    assert [round((step - START) / DAY_S) for step in trend.steps] == [30] or len(trend.resets) == 1
    assert trend.rival is not None
    assert 0.0 <= trend.rival_probability < 0.2
    assert trend.smallest_slope is not None
    assert 0.0 < trend.smallest_slope < 0.8


def test_a_reset_is_reported() -> None:
    trend = judged(nightly(), lambda x: 100.0 + 1.5 * np.where(x < 25.0, x, x - 25.0))
    (reset,) = trend.resets
    assert round((reset.at - START) / DAY_S) == 25
    assert reset.before - reset.after == pytest.approx(36.0, abs=6.0)


@pytest.mark.parametrize("ago", [6.0, 10.0, 20.0])
def test_growth_that_began_lately_is_growth(ago: float) -> None:
    start = nightly()[-1] - ago
    trends = [
        judged(nightly(), lambda x: 100.0 + 2.0 * np.maximum(x - start, 0.0), seed=seed) for seed in range(10)
    ]
    assert all(trend.trending for trend in trends)


@pytest.mark.parametrize("ago", [10.0, 20.0])
def test_growth_that_ended_lately_is_none(ago: float) -> None:
    end = nightly()[-1] - ago
    trends = [judged(nightly(), lambda x: 100.0 + 2.0 * np.minimum(x, end), seed=seed) for seed in range(10)]
    assert not any(trend.trending for trend in trends)


def test_a_level_that_walks_at_random_seldom_grows() -> None:
    walks = [np.cumsum(np.random.default_rng(seed).normal(size=60)) for seed in range(60)]
    at = (START + nightly() * DAY_S).tolist()
    false = [analyse(at, (200.0 + 2.0 * walk).tolist()).trending for walk in walks]
    assert sum(false) <= 6


def test_whole_percent_are_no_steps() -> None:
    for seed in range(10):
        at = (START + nightly() * DAY_S).tolist()
        noise = 0.2 * np.random.default_rng(seed).normal(size=60)
        trend = analyse(at, np.round(30.3 + 0.09 * nightly() + noise).tolist())
        assert trend.trending, trend.reason
        assert trend.slope_per_day == pytest.approx(0.09, rel=0.3)
