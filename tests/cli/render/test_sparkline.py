from __future__ import annotations

from fleet_cli.render.sparkline import sparkline


def test_low_and_high_take_the_lowest_and_the_highest_block() -> None:
    assert sparkline([0, 1, 2, 3], [1, 2, 3, 4], 4) == "▁▃▆█"


def test_time_without_samples_is_left_blank() -> None:
    line = sparkline([0, 1, 2, 9, 10], [1, 1, 1, 5, 5], 5)
    assert len(line) == 5
    assert " " in line


def test_a_level_series_is_one_low_line_and_nothing_is_nothing() -> None:
    assert sparkline([0, 1, 2], [7, 7, 7]) == "▁▁▁"
    assert sparkline([], []) == ""
