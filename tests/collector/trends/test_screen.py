"""The quick look before an analysis: it must lose nothing that grows, and spare most of what does not."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from fleet_collector.trends import analyse
from fleet_collector.trends.screen import may_reach, may_rise

BENCH = Path(__file__).parents[3] / "bench"


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"screened_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def public(seed: int) -> list[dict[str, Any]]:
    return list(_module(BENCH / "trend_series" / "public.py").generate(seed))


def passes(series: dict[str, Any]) -> bool:
    return bool(may_rise(np.array([series["v"]]))[0])


@pytest.mark.parametrize("seed", [4711, 1, 2])
def test_nothing_that_grows_is_dropped(seed: int) -> None:
    growing = [series for series in public(seed) if series["label"]]
    assert len(growing) > 50
    assert [series["id"] for series in growing if not passes(series)] == []


def test_most_level_series_are_spared() -> None:
    nightly = [
        series
        for series in _module(BENCH / "trend_everyday.py").everyday(2000)
        if series["sampling"] == "nightly"
    ]
    assert sum(map(passes, nightly)) < 0.15 * len(nightly)
    noise = np.random.default_rng(1).normal(size=(4000, 60))
    assert may_rise(noise).mean() < 0.06


@pytest.mark.parametrize("length", [0, 1, 7])
def test_too_few_samples_may_not_rise(length: int) -> None:
    assert not may_rise(np.arange(3.0 * length).reshape(3, length)).any()


def test_growth_that_began_anew_after_a_restart_passes() -> None:
    saw = np.concatenate([np.arange(50.0), np.arange(10.0)])
    assert may_rise(saw[None, :]).all()
    assert not may_rise(-np.arange(60.0)[None, :]).any()
    assert not may_rise(np.ones((1, 60))).any()


def test_equal_values_are_not_ranked_by_time() -> None:
    counts = np.array([[0.0] * 30 + [1.0] + [0.0] * 29])
    assert not may_rise(counts).any()


def test_what_could_reach_its_limit_is_kept() -> None:
    rng = np.random.default_rng(2)
    days = np.tile(np.arange(40.0), (3, 1))
    values = np.array([50 + days[0], 50 + 0.2 * days[1], 50 + rng.normal(size=40)])
    limits = np.full(3, 100.0)
    assert may_reach(days, values, limits, 14.0).tolist() == [True, False, False]
    for row, limit in ((0, 100.0), (1, 60.0)):
        found = analyse((days[row] * 86400).tolist(), values[row].tolist(), limit)
        assert found.eta_low is not None
        assert (found.eta_low <= 14.0) <= bool(may_reach(days, values, np.full(3, limit), 14.0)[row])
