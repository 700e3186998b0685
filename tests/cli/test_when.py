from __future__ import annotations

import pytest

from fleet_cli import when
from fleet_collector.errors import UsageError


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("30d", 1_000_000_000 - 30 * 86400),
        ("12h", 1_000_000_000 - 12 * 3600),
        ("2026-11-01", 1_793_491_200),
        ("2026-11-01T02:10:00Z", 1_793_499_000),
        ("2026-11-01T02:10:00+02:00", 1_793_491_800),
    ],
)
def test_a_time_is_ago_or_iso(text: str, at: float) -> None:
    assert when.parse(text, now=1_000_000_000) == at


@pytest.mark.parametrize("text", ["", "yesterday", "30", "d", "2026-13-01", "-3d"])
def test_what_is_no_time_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(UsageError, match="write 12h, 30d, 2026-11-01"):
        when.parse(text)


def test_a_window_is_of_some_length() -> None:
    assert when.span(None, None) == (None, None)
    assert when.span("2026-11-01", "2026-11-02") == (1_793_491_200, 1_793_577_600)
    for since, until in (("2026-11-02", "2026-11-01"), ("5d", "10d"), ("2026-11-01", "2026-11-01")):
        with pytest.raises(UsageError, match=f"--since {since} is not before --until {until}"):
            when.span(since, until)
    for since in ("9999-12-31", "0d"):
        with pytest.raises(UsageError, match=f"--since {since} is not before now"):
            when.span(since, None)


def test_a_length_is_a_number_and_a_unit() -> None:
    assert when.seconds("5m") == 300
    with pytest.raises(UsageError, match="no length of time"):
        when.seconds("0s")


def test_times_are_written_in_utc_with_a_z() -> None:
    assert when.iso(1_793_499_000.25) == "2026-11-01T02:10:00.250Z"
