from __future__ import annotations

from typing import Literal

from fleet_collector import store
from fleet_collector.missed import missed_night, silent
from fleet_collector.store import SweepSummary
from tests.collector.store.records import failed, well
from tests.databases import sqlite

__all__ = ["sqlite"]

DAY = 86400.0
NOW = 1_800_000_000.0


def sweep(at: float, status: Literal["finished", "interrupted"] = "finished") -> SweepSummary:
    ms = round(at * 1000)
    return SweepSummary(
        id=1, started_at=ms, finished_at=ms, status=status, asked="x", hosts=1, ok=1, partial=0, failed=0
    )


def nights(count: int, last: float, pace_days: float = 1.0) -> list[SweepSummary]:
    return [sweep(last - night * pace_days * DAY) for night in range(count)]


def test_a_night_that_was_missed_is_told() -> None:
    told = missed_night(nights(6, NOW - 1.5 * DAY), NOW)
    assert told is not None
    assert "every 24 h" in told
    assert "36 h ago" in told


def test_nights_that_come_are_no_news() -> None:
    assert missed_night(nights(6, NOW - 1.1 * DAY), NOW) is None
    assert missed_night(nights(6, NOW - 8 * DAY, pace_days=7), NOW) is None


def test_a_week_that_was_missed_is_told() -> None:
    assert missed_night(nights(6, NOW - 9 * DAY, pace_days=7), NOW) is not None


def test_without_a_habit_nothing_is_overdue() -> None:
    assert missed_night([], NOW) is None
    assert missed_night(nights(3, NOW - 9 * DAY), NOW) is None
    assert missed_night(nights(6, NOW - 90 * DAY, pace_days=20), NOW) is None


def test_scans_by_hand_do_not_hide_a_missed_night() -> None:
    by_hand = [sweep(NOW - 1.6 * DAY + minute * 60) for minute in range(5, 0, -1)]
    assert missed_night([*by_hand, *nights(6, NOW - 1.6 * DAY)], NOW) is not None


def test_a_sweep_that_was_broken_off_is_told() -> None:
    told = missed_night([sweep(NOW - 60, "interrupted"), *nights(4, NOW - DAY)], NOW)
    assert told is not None
    assert "broken off" in told


def test_hosts_without_an_answer_for_days(sqlite: store.Database) -> None:
    number = store.begin_sweep(sqlite, asked="x", hosts=["a", "b", "c"])
    ago = [("a", 0.5), ("b", 3.5)]
    answers = [well(name, number, round((NOW - days * DAY) * 1000)) for name, days in ago]
    store.save(
        sqlite, [*answers, failed("b", number, round(NOW * 1000)), failed("c", number, round(NOW * 1000))]
    )
    assert [one.name for one in silent(store.hosts(sqlite), NOW, 3)] == ["b", "c"]
    assert [one.name for one in silent(store.hosts(sqlite), NOW, 4)] == ["c"]
