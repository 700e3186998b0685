from __future__ import annotations

import pytest

from fleet_collector import store
from fleet_collector.missed import missed_night, silent
from tests.collector.store.records import failed, well
from tests.databases import address, database, postgres_server, sqlite

__all__ = ["address", "database", "postgres_server", "sqlite"]

DAY = 86400.0
NOW = 1_800_000_000.0


def sweep(database: store.Database, at: float, *, hosts: int = 1, interrupted: bool = False) -> None:
    ms, names = round(at * 1000), [f"h{n}" for n in range(hosts)]
    number = store.begin_sweep(database, asked="x", hosts=names, started_at=ms)
    store.save(database, [well("h0", number, ms)])
    store.finish_sweep(database, number, interrupted=interrupted, finished_at=ms)


def nights(database: store.Database, count: int, last: float, pace_days: float = 1.0) -> None:
    for night in range(count):
        sweep(database, last - night * pace_days * DAY)


def test_a_night_that_was_missed_is_told(database: store.Database) -> None:
    nights(database, 6, NOW - 1.5 * DAY)
    told = missed_night(database, NOW)
    assert told is not None
    assert "every 24 h" in told
    assert "36 h ago" in told


@pytest.mark.parametrize(
    ("count", "ago", "pace", "overdue"),
    [
        (6, 1.1, 1.0, False),
        (6, 1.5, 1.0, True),
        (6, 8.0, 7.0, False),
        (6, 9.0, 7.0, True),
        (0, 0.0, 1.0, False),
        (3, 9.0, 1.0, False),  # no habit yet
        (6, 90.0, 20.0, False),  # nor one of nights
    ],
)
def test_what_is_overdue(
    sqlite: store.Database, count: int, ago: float, pace: float, *, overdue: bool
) -> None:
    nights(sqlite, count, NOW - ago * DAY, pace)
    assert (missed_night(sqlite, NOW) is not None) is overdue


def test_scans_by_hand_do_not_hide_a_missed_night(sqlite: store.Database) -> None:
    nights(sqlite, 6, NOW - 1.6 * DAY)
    for minute in range(60):  # as a watch does
        sweep(sqlite, NOW - 1.6 * DAY + minute * 60)
    assert missed_night(sqlite, NOW) is not None


def test_a_sweep_that_was_broken_off_is_told_with_what_it_left_undone(sqlite: store.Database) -> None:
    nights(sqlite, 4, NOW - DAY)
    sweep(sqlite, NOW - 60, hosts=3, interrupted=True)
    assert "was broken off: 2 of 3 hosts have no result of it" in str(missed_night(sqlite, NOW))
    sweep(sqlite, NOW - 30, hosts=1, interrupted=True)
    assert missed_night(sqlite, NOW) is None


def test_hosts_without_an_answer_for_days(sqlite: store.Database) -> None:
    number = store.begin_sweep(sqlite, asked="x", hosts=["a", "b", "c"])
    ago = [("a", 0.5), ("b", 3.5)]
    answers = [well(name, number, round((NOW - days * DAY) * 1000)) for name, days in ago]
    store.save(
        sqlite, [*answers, failed("b", number, round(NOW * 1000)), failed("c", number, round(NOW * 1000))]
    )
    assert [one.name for one in silent(store.hosts(sqlite), NOW, 3)] == ["b", "c"]
    assert [one.name for one in silent(store.hosts(sqlite), NOW, 4)] == ["c"]
