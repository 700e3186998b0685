"""The two detectors in common use that `fleet trends` is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

DAY_S = 86_400.0
MATERIAL_SHARE = 0.02  # of the level over the window, as for every detector here
TWO_SIDED_5_PERCENT = 1.96
TWO_SIDED_10_PERCENT = 1.645
MOST_SAMPLES = 400  # pairs of more are thinned: Mann-Kendall compares every sample with every other


def predict_linear(
    at: Sequence[float], values: Sequence[float], limit: float | None = None
) -> dict[str, Any]:
    """Prometheus' predict_linear over the whole window.

    Of the rules one could hang on it, the one that scored best: the line rises by more than the values
    scatter about it (one standard deviation), and materially.
    """
    day, value = _cleaned(at, values)
    if day.size < 3 or day[-1] <= 0.0:
        return _verdict(trending=False)
    slope, start = (float(part) for part in np.polyfit(day, value, 1))
    rise = slope * float(day[-1])
    scatter = float(np.std(value - start - slope * day))
    trending = rise > scatter and rise >= MATERIAL_SHARE * abs(float(np.median(value)))
    return _verdict(trending=trending, slope=slope, eta=_days(limit, start + rise, slope))


def mann_kendall(at: Sequence[float], values: Sequence[float], limit: float | None = None) -> dict[str, Any]:
    """Mann-Kendall and Theil-Sen, the variance after Hamed and Rao (J. Hydrology 204 (1998), 182-196).

    The interval is that of the slope (Sen, JASA 63 (1968), 1379-1389).
    """
    day, value = _thinned(*_cleaned(at, values))
    n = day.size
    if n < 4 or day[-1] <= 0.0:
        return _verdict(trending=False)
    early, late = np.triu_indices(n, 1)
    score = float(np.sign(value[late] - value[early]).sum())
    slopes = np.sort((value[late] - value[early]) / (day[late] - day[early]))
    slope = float(np.median(slopes))
    variance = _variance(day, value, slope)
    z = (score - np.sign(score)) / np.sqrt(variance) if variance > 0.0 else 0.0
    rises = slope * day[-1] >= MATERIAL_SHARE * abs(float(np.median(value)))
    now = float(np.median(value - slope * day)) + slope * float(day[-1])
    half = TWO_SIDED_10_PERCENT * np.sqrt(max(variance, 0.0))
    low = slopes[int(np.clip((slopes.size - half) / 2.0, 0, slopes.size - 1))]
    high = slopes[int(np.clip((slopes.size + half) / 2.0, 0, slopes.size - 1))]
    return _verdict(
        trending=bool(z > TWO_SIDED_5_PERCENT and slope > 0.0 and rises),
        slope=slope,
        eta=_days(limit, now, slope),
        eta_low=_days(limit, now, float(high)),
        eta_high=_days(limit, now, float(low)),
    )


def _variance(day: Floats, value: Floats, slope: float) -> float:
    """Variance of the Mann-Kendall score, corrected for ties and for autocorrelation of the ranks."""
    n = day.size
    _, ties = np.unique(value, return_counts=True)
    plain = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18.0
    rank = np.argsort(np.argsort(value - slope * day)).astype(np.float64)
    rank -= rank.mean()
    power = float(rank @ rank)
    lag = np.arange(1, n - 1)
    correlation = np.array([float(rank[k:] @ rank[:-k]) for k in lag]) / max(power, 1e-12)
    correlation[np.abs(correlation) < TWO_SIDED_5_PERCENT / np.sqrt(n)] = 0.0
    factor = 1.0 + 2.0 / (n * (n - 1) * (n - 2)) * float(
        ((n - lag) * (n - lag - 1) * (n - lag - 2) * correlation).sum()
    )
    return plain * max(factor, 0.01)


def _cleaned(at: Sequence[float], values: Sequence[float]) -> tuple[Floats, Floats]:
    time, value = np.asarray(at, dtype=np.float64), np.asarray(values, dtype=np.float64)
    finite = np.isfinite(time) & np.isfinite(value)
    time, first = np.unique(time[finite], return_index=True)
    return (time - time[:1].sum()) / DAY_S, value[finite][first]


def _thinned(day: Floats, value: Floats) -> tuple[Floats, Floats]:
    if day.size <= MOST_SAMPLES:
        return day, value
    size = day.size // (day.size // MOST_SAMPLES)
    parts = np.array_split(np.arange(day.size), size)
    return np.array([day[p].mean() for p in parts]), np.array([np.median(value[p]) for p in parts])


def _days(limit: float | None, now: float, slope: float) -> float | None:
    return None if limit is None or slope <= 0.0 else max(limit - now, 0.0) / slope


def _verdict(
    *,
    trending: bool,
    slope: float = 0.0,
    eta: float | None = None,
    eta_low: float | None = None,
    eta_high: float | None = None,
) -> dict[str, Any]:
    return {
        "trending": trending,
        "slope_per_day": slope,
        "confidence": float(trending),
        "eta_days": eta if trending else None,
        "eta_low": eta_low if trending else None,
        "eta_high": eta_high if trending else None,
    }
