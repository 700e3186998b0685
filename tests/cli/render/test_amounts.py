from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fleet_cli.render.amounts import due, sure, told
from fleet_collector.outlook import DAY
from fleet_collector.trends import Trend

NOW = datetime.now(UTC).timestamp()


def trend(low: float | None, likely: float | None, high: float | None) -> Trend:
    return Trend(
        trending=True,
        slope_per_day=2.0,
        confidence=1.0,
        eta_days=likely,
        eta_low=low,
        eta_high=high,
        reason="grows",
        samples=60,
        span_days=59.0,
    )


@pytest.mark.parametrize(
    ("low", "likely", "high", "said", "column"),
    [
        (6.3, 9.2, 14.8, "in 6 to 15 days", "9 d (6-15 d)"),
        (0.0, 0.6, 1.5, "within 36 hours", "14 h (0-36 h)"),
        (0.0, 0.01, 1.5, "within 36 hours", "< 1 h (0-36 h)"),
        (0.2, 1.4, 3.5, "in 4 hours to 4 days", "34 h (4 h-4 d)"),
        (0.01, 1.4, 3.5, "within 4 days", "34 h (0-4 d)"),
        (0.05, 1.0, 2.5, "in 1 hour to 3 days", "24 h (1 h-3 d)"),
        (0.0, 0.0, 0.0, "now", "at its limit now"),
        (731.0, 800.0, 900.0, "in more than 2 years", "> 2 years"),
        (731.0, 800.0, None, "in more than 2 years", "> 2 years"),
        (None, None, None, "not in sight", "not in sight"),
    ],
)
def test_a_limit_is_never_without_a_range(
    low: float | None, likely: float | None, high: float | None, said: str, column: str
) -> None:
    sentence = told(trend(low, likely, high), 100.0, "files", NOW, NOW)
    limit = "it is at its limit of 100 now" if said == "now" else f"its limit of 100 {said}"
    assert sentence == f"+2 a day, 99.9 % sure; {limit}"
    assert due(trend(low, likely, high), NOW, NOW) == column


def test_an_open_end_is_not_before_a_day() -> None:
    day = datetime.fromtimestamp(NOW + 40 * DAY, UTC)
    assert due(trend(40.0, 60.0, None), NOW, NOW) == f"not before {day.day} {day:%b}"
    assert due(trend(40.0, 60.0, 731.0), NOW, NOW) == f"not before {day.day} {day:%b}"


def test_days_count_from_the_reader() -> None:
    assert due(trend(6.0, 9.0, 12.0), NOW - 2 * DAY, NOW) == "7 d (4-10 d)"
    assert due(trend(0.5, 1.0, 1.5), NOW - 2 * DAY, NOW) == "by now"
    assert told(trend(0.5, 1.0, 1.5), 100.0, "files", NOW - 2 * DAY, NOW).endswith("its limit of 100 by now")


def test_what_falls_to_nothing_and_what_has_no_limit() -> None:
    assert told(trend(6.0, 9.0, 12.0), 0.0, "bytes", NOW, NOW).endswith("; nothing left in 6 to 12 days")
    assert told(trend(None, None, None), None, "files", NOW, NOW).endswith("; it has no limit")


def test_nothing_is_sure_in_full() -> None:
    assert (sure(1.0), sure(0.97)) == ("99.9 %", "97 %")
