"""A slice of the public benchmark, held to what is required of it (the whole of it: make bench-trends)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fleet_collector.trends import analyse

BENCH = Path(__file__).parents[3] / "bench"


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(name).name, BENCH / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def detect(at: list[float], values: list[float], limit: float | None) -> dict[str, Any]:
    trend = analyse(at, values, limit)
    names = ("trending", "slope_per_day", "confidence", "eta_days", "eta_low", "eta_high")
    return {name: getattr(trend, name) for name in names}


@pytest.fixture(scope="module")
def score() -> dict[str, Any]:
    evaluate, generator = _module("trend_series/evaluate"), _module("trend_series/public")
    result: dict[str, Any] = evaluate.score(evaluate.run(generator.generate(), detect), boot=1)
    result["edge"] = evaluate.edge(detect)
    return result


def test_verdicts(score: dict[str, Any]) -> None:
    assert score["f1"] >= 0.95
    assert score["far"] <= 0.03
    assert score["macro_miss"] <= 0.1
    assert score["false_eta_30d"] == 0
    assert (score["errors"], score["edge"]) == (0, [])


def test_slopes_and_forecasts(score: dict[str, Any]) -> None:
    assert score["slope_mre"] <= 0.06
    assert score["slope_p90"] <= 0.4
    assert score["eta_mre"] <= 0.18
    assert score["eta_within_2x"] >= 0.85
    assert score["cover"] >= 0.8


def test_confidence_is_calibrated(score: dict[str, Any]) -> None:
    assert score["auc"] >= 0.97
    assert score["brier"] <= 0.04


def test_on_further_families() -> None:
    evaluate, generator = _module("trend_series/evaluate"), _module("trend_others")
    score = evaluate.score(evaluate.run(generator.generate(1) + generator.generate(2), detect), boot=1)
    assert score["f1"] >= 0.97
    assert score["far"] <= 0.015
    assert score["slope_mre"] <= 0.03
    assert score["eta_mre"] <= 0.06
    assert 0.84 <= score["cover"] <= 0.96
