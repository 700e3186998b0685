from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_collector import wording


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (81 * 2**30, "81 GiB"),
        (2**60, "1024 PiB"),
    ],
)
def test_sizes_have_one_unit_and_two_digits_that_matter(count: int, text: str) -> None:
    assert wording.size(count) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 %"), (0.25, "0.2 %"), (42.4, "42 %"), (99.97, "99.9 %"), (100, "100 %")]
)
def test_a_share_is_never_rounded_up_to_a_full_hundred(value: float, text: str) -> None:
    assert wording.percent(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "40 ms"),
        (3, "3.0 s"),
        (45, "45 s"),
        (300, "5 min"),
        (4 * 3600, "4 h"),
        (41 * 86400, "41 d"),
        (1e8, "3.2 years"),
    ],
)
def test_durations_have_one_unit(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


@pytest.mark.parametrize(
    "text", ["a\x1b[31mb", "line\nbreak", "rtl\u202etxt", "bell\x07", "nul\x00", "\u2028", "\ud800"]
)
def test_nothing_that_steers_a_terminal_passes(text: str) -> None:
    safe = wording.plain(text)
    assert safe != text
    assert all(unicodedata.category(letter)[0] != "C" for letter in safe)


@given(st.text(max_size=500))
def test_plain_text_is_safe_and_bounded(text: str) -> None:
    safe = wording.plain(text, 100)
    assert len(safe) <= 1000
    assert not any(unicodedata.category(letter) in {"Cc", "Cf", "Zl", "Zp"} for letter in safe)


def test_ordinary_text_passes_unchanged() -> None:
    assert wording.plain("naïve.log — 日本") == "naïve.log — 日本"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (6.3, 10.2, "in 6 to 11 days"),
        (6.0, 6.0, "in 6 to 7 days"),
        (0.5, 1.9, "in 12 to 46 hours"),
        (1.5, 6.0, "in 36 hours to 6 days"),
        (-1.0, 0.1, "within 3 hours"),
        (0.0, 0.04, "within 1 hour"),
        (-2.0, -0.1, "now"),
        (731.0, 900.0, "in more than 2 years"),
        (731.0, None, "in more than 2 years"),
    ],
)
def test_a_limit_to_come_is_always_a_range(low: float, high: float, said: str) -> None:
    assert wording.coming(low, high, 0.0) == said


def test_an_open_end_is_not_before_a_day() -> None:
    now = datetime.now(UTC).timestamp()
    day = datetime.fromtimestamp(now + 10 * 86400, UTC)
    for high in (None, 800.0):
        assert wording.coming(10.0, high, now) == f"not before {day.day} {day:%b}"
    assert wording.day(0.0) == "1970-01-01"
