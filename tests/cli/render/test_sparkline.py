from __future__ import annotations

from fleet_cli.render.sparkline import frame, marks, sparkline


def test_low_and_high_take_the_lowest_and_the_highest_block() -> None:
    assert sparkline([0, 1, 2, 3], [1, 2, 3, 4], 4) == "▁▃▆█"


def test_time_without_samples_is_left_blank() -> None:
    line = sparkline([0, 1, 2, 9, 10], [1, 1, 1, 5, 5], 5)
    assert len(line) == 5
    assert " " in line


def test_a_level_series_is_one_low_line_and_nothing_is_nothing() -> None:
    assert sparkline([0, 1, 2], [7, 7, 7]) == "▁▁▁"
    assert sparkline([], []) == ""


def test_two_series_in_one_frame_are_on_one_scale() -> None:
    at = [0.0, 1.0, 2.0, 3.0]
    shown = frame(at, [0.0, 7.0], 4)
    assert sparkline(at, [0.0, 1.0, 2.0, 3.0], within=shown) == "▁▂▃▄"
    assert sparkline(at[2:], [7.0, 7.0], within=shown) == "  ██"


def test_marks_stand_below_their_time_and_within_the_frame() -> None:
    shown = frame([0.0, 10.0], [1.0], 60)
    assert marks(shown, [(9.9, "R")]) == " R"
    assert marks(frame(list(range(11)), [1.0]), [(0, "B"), (5, "S"), (99, "R")]) == "B    S    R"
    assert marks(shown, []) == ""
