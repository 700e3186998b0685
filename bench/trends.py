"""How well trends are told from what only looks like one, beside the rules in common use.

    python bench/trends.py [--data FILE.py …] [--seed 4711 1 2 …] [--everyday 2000] [--wrong]

One table for each set of series: that of trend_series, and trend_others.py with families of other kinds.
Scores are those of trend_series/evaluate.py, everyday level series those of trend_everyday.py.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: CPU time is that of one thread

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.trend_everyday import everyday
from bench.trend_textbook import mann_kendall, predict_linear
from fleet_collector.trends import analyse

Detector = Callable[[Sequence[float], Sequence[float], float | None], dict[str, Any]]
Score = dict[str, Any]

SERIES = Path(__file__).parent / "trend_series"
SETS = (SERIES / "public.py", Path(__file__).parent / "trend_others.py")


FIELDS = ("trending", "slope_per_day", "confidence", "eta_days", "eta_low", "eta_high")


def fleet(at: Sequence[float], values: Sequence[float], limit: float | None = None) -> dict[str, Any]:
    """The detector of `fleet trends` in the form the scores want."""
    trend = analyse(at, values, limit)
    return {name: getattr(trend, name) for name in FIELDS}


DETECTORS: dict[str, Detector] = {
    "fleet": fleet,
    "Mann-Kendall": mann_kendall,
    "predict_linear": predict_linear,
}

CAPTION = (
    "Mann-Kendall: variance by Hamed and Rao, slope by Theil and Sen. predict_linear: over the whole window."
)

# What is shown, how, and what is required and aimed at.
ROWS: list[tuple[str, str, str, Callable[[Score], str]]] = [
    ("F1", ".90", ".95", lambda s: f"{s['f1']:.3f}"),
    ("false alarms, hard level series", ".03", ".015", lambda s: f"{s['far']:.3f}"),
    ("false alarms, everyday level series", "8 of 2000", "3 of 2000", lambda s: s["everyday"]),
    ("missed, mean over families", ".10", ".06", lambda s: f"{s['macro_miss']:.3f}"),
    (
        "slope error, median (p90)",
        ".06 (.40)",
        ".04 (.30)",
        lambda s: f"{s['slope_mre']:.3f} ({s['slope_p90']:.2f})",
    ),
    ("ETA error, median", ".18", ".12", lambda s: f"{s['eta_mre']:.3f}"),
    ("ETA within a factor of 2", ".85", ".92", lambda s: f"{s['eta_within_2x']:.3f}"),
    ("90 % interval covers", ".80-.97", ".86-.95", lambda s: f"{s['cover']:.2f}" if "cover" in s else "-"),
    (
        "'full within 30 days', level series",
        "3",
        "0",
        lambda s: f"{s['false_eta_30d']} of {s['neg_with_limit']}",
    ),
    ("confidence, AUC; Brier score", "", "", lambda s: f"{s['auc']:.3f}; {s['brier']:.3f}"),
    (
        "changes in five looks, rising / level",
        ".30/.10",
        ".15/.05",
        lambda s: _pair(s["flap"], (True, False), 2),
    ),
    (
        "CPU ms a series, nightly / 5-minute",
        "10/20",
        "4/8",
        lambda s: _pair(s["cpu_ms"], ("nightly", "fast"), 1),
    ),
    ("odd inputs wrong", "0", "0", lambda s: str(len(s["edge"]))),
    ("changed by unit, weeks, order", "0", "0", lambda s: _invariance(s["invariance"])),
]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, nargs="+", default=SETS, help="generators of labelled series")
    parser.add_argument("--seed", type=int, nargs="+", help="further seeds, instead of the generator's own")
    parser.add_argument("--everyday", type=int, default=2000, help="how many everyday level series (0: none)")
    parser.add_argument("--wrong", action="store_true", help="list what fleet judged wrong")
    options = parser.parse_args()
    evaluate = _module(SERIES / "evaluate.py")
    plain = everyday(options.everyday)
    alarms = {
        name: sum(row["hit"] for row in evaluate.run(plain, detect)) for name, detect in DETECTORS.items()
    }
    for data in options.data:
        series = _series(_module(data), options.seed)
        scores, wrong = {}, []
        for name, detect in DETECTORS.items():
            rows = evaluate.run(series, detect)
            scores[name] = _score(evaluate, rows, series, detect)
            scores[name]["everyday"] = f"{alarms[name]} of {len(plain)}" if plain else "-"
            wrong += [row["id"] for row in rows if name == "fleet" and row["hit"] != row["label"]]
        Console(width=140).print(_table(data.stem, scores, sum(s["label"] for s in series), len(series)))
        if options.wrong:
            print("judged wrong by fleet:", ", ".join(wrong) or "none")


def _series(generator: ModuleType, seeds: list[int] | None) -> list[dict[str, Any]]:
    if not seeds:
        return list(generator.generate())
    return [{**one, "id": f"{one['id']}@{seed}"} for seed in seeds for one in generator.generate(seed)]


def _score(
    evaluate: ModuleType, rows: list[dict[str, Any]], series: list[dict[str, Any]], detect: Detector
) -> Score:
    score: Score = evaluate.score(rows)
    score["flap"] = evaluate.flap(series, detect)
    score["edge"] = evaluate.edge(detect)
    score["invariance"] = evaluate.invariance(series, detect)
    return score


def _table(name: str, scores: dict[str, Score], rising: int, count: int) -> Table:
    table = Table(title=f"{name}: {rising} series that grow, {count - rising} that do not", caption=CAPTION)
    for heading in ("measure", "required", "aim", *scores):
        table.add_column(heading)
    for label, required, aim, show in ROWS:
        table.add_row(label, required, aim, *(show(score) for score in scores.values()))
    return table


def _pair(values: dict[Any, float | None], keys: tuple[Any, Any], digits: int) -> str:
    return " / ".join(f"{values.get(key) or 0.0:.{digits}f}" for key in keys)


def _invariance(changed: dict[str, int]) -> str:
    return f"{changed['unit']}, {changed['weeks']}, {changed['order']} of {changed['of']}"


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        sys.exit(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
