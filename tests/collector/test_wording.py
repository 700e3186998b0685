from __future__ import annotations

import unicodedata

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
