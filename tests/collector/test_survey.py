from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fleet_collector import store
from fleet_collector.findings.thresholds import Thresholds
from fleet_collector.outlook import Outlook, folded
from fleet_collector.survey import survey
from tests.collector.nights import DAY_MS, GIB, LAST, Host, keep, level, line, volume
from tests.databases import sqlite

__all__ = ["sqlite"]

ROOM: Host = volume("/", level(20 * GIB))


def names(found: list[Outlook]) -> list[tuple[str, str, str]]:
    return [one.series[1:] for one in found]


def test_what_breaks_first_comes_first_and_what_has_no_limit_last(sqlite: store.Database) -> None:
    keep(
        sqlite,
        {
            "slow": volume("/", line(20 * GIB, GIB, 0.2)),
            "fast": volume("/", line(5 * GIB, 2 * GIB, 0.2)),
            "open": {("close_wait", ""): line(10, 5, 0.2)},
            "calm": ROOM,
        },
    )
    found = survey(sqlite)
    assert [one.series.host for one in found.rising] == ["fast", "slow", "open"]
    assert [one.severity for one in found.rising] == ["warning", "ok", "ok"]
    assert found.rising[-1].limit is None
    assert (found.hosts, found.series, found.level) == (4, 4, 1)


def test_thresholds_say_what_is_near(sqlite: store.Database) -> None:
    keep(sqlite, {"fast": volume("/", line(5 * GIB, 2 * GIB, 0.2))})
    (one,) = survey(sqlite).rising
    near = replace(one, thresholds=Thresholds(trends_critical_days=13))
    far = replace(one, thresholds=Thresholds(trends_warning_days=1))
    assert [near.severity, far.severity] == ["critical", "ok"]


def test_memory_that_falls_to_nothing_rises_upside_down(sqlite: store.Database) -> None:
    keep(sqlite, {"web1": {("mem_available_bytes", ""): line(8 * GIB, -GIB / 8, 0.2)}})
    (one,) = survey(sqlite).rising
    assert one.limit == 0.0
    assert one.trend.slope_per_day == pytest.approx(-GIB / 8, rel=0.05)
    assert one.trend.slope_low <= one.trend.slope_per_day <= one.trend.slope_high
    assert one.trend.eta_low is not None
    assert one.trend.eta_high is not None
    assert one.trend.eta_low <= 25 <= one.trend.eta_high + 1
    assert "falls" in one.trend.reason
    assert all(value > 0 for value in one.trend.line_values)


def test_memory_that_comes_back_is_no_trend(sqlite: store.Database) -> None:
    keep(sqlite, {"web1": {("mem_available_bytes", ""): line(GIB, GIB / 8, 0.2)}})
    assert survey(sqlite).rising == []


@pytest.mark.parametrize("period", [2, 5, 7, 10])
def test_a_log_that_rotates_never_rises(sqlite: store.Database, period: int) -> None:
    def rotated(night: int) -> float:
        return (night % period + 0.5) * GIB

    keep(sqlite, {"web1": {**ROOM, ("log_bytes", "/var/log/a"): rotated}})
    found = survey(sqlite)
    assert found.rising == found.watch == []
    for days in range(1, period):
        earlier = survey(sqlite, until=LAST - days * DAY_MS + 1)
        assert earlier.rising == []


@pytest.mark.parametrize("period", [14, 20, 30, 45])
def test_a_log_that_rotates_seldom_is_known_by_one_rotation(sqlite: store.Database, period: int) -> None:
    def rotated(night: int) -> float:
        return (night % period + 0.5 + night * 37 % 11 / 20) * GIB

    keep(sqlite, {"web1": {**ROOM, ("log_bytes", "/var/log/a"): rotated}}, 60)
    for night in range(period, 60):
        found = survey(sqlite, until=LAST - (59 - night) * DAY_MS + 1)
        assert [one.trend.reason for one in (*found.rising, *found.watch)] == []


def test_a_log_that_is_rotated_no_more_rises(sqlite: store.Database) -> None:
    def stopped(night: int) -> float:
        return (night % 10 + 0.5 if night < 20 else night - 19.5) * GIB

    keep(sqlite, {"web1": {**ROOM, ("log_bytes", "/var/log/a"): stopped}}, 50)
    (one,) = survey(sqlite).rising
    assert one.trend.slope_per_day == pytest.approx(GIB, rel=0.05)


def test_a_process_that_was_restarted_once_still_leaks(sqlite: store.Database) -> None:
    def leaks(night: int) -> float:
        return (1.0 + 0.2 * (night if night < 15 else night - 15)) * GIB

    keep(sqlite, {"web1": {("process_rss_bytes", "java"): leaks}}, 45)
    assert names(survey(sqlite).rising) == [("web1", "process_rss_bytes", "java")]


def test_a_new_log_that_grows_since_its_first_night_rises(sqlite: store.Database) -> None:
    def new(night: int) -> float | None:
        return None if night < 30 else (night - 29) * GIB / 2

    keep(sqlite, {"web1": {**ROOM, ("log_bytes", "/var/log/a"): new}})
    (one,) = survey(sqlite).rising
    assert one.series.metric == "log_bytes"
    assert one.limit == pytest.approx(5 * GIB + 80 * GIB, rel=0.02)  # what it has, and the room on its volume


def test_what_is_no_longer_measured_is_not_foretold(sqlite: store.Database) -> None:
    def ended(night: int) -> float | None:
        return night * 1e8 if night < 30 else None

    keep(sqlite, {"web1": {("process_rss_bytes", "java"): ended, ("load15", ""): level(1.0)}})
    found = survey(sqlite)
    assert found.rising == found.watch == []
    assert found.quiet["no longer measured"] == 1


def test_what_is_measured_once_a_week_is_not_gone(sqlite: store.Database) -> None:
    def weekly(night: int) -> float | None:
        return 10 * GIB + night * GIB / 4 if night % 7 == 0 else None

    keep(sqlite, {"web1": {("disk_used_bytes", "/"): weekly, ("load15", ""): level(1.0)}}, 90)
    assert names(survey(sqlite).rising) == [("web1", "disk_used_bytes", "/")]


def test_missed_nights_are_no_obstacle(sqlite: store.Database) -> None:
    hosts = {"web1": volume("/", line(20 * GIB, GIB, 0.2))}
    keep(sqlite, hosts, without=[*range(7, 12), 20, 21, 33])
    (one,) = survey(sqlite).rising
    assert one.trend.slope_per_day == pytest.approx(GIB, rel=0.05)


def test_few_nights_are_too_little_history(sqlite: store.Database) -> None:
    keep(sqlite, {"web1": volume("/", line(20 * GIB, GIB))}, 5)
    found = survey(sqlite)
    assert (found.rising, found.too_little, found.level) == ([], 1, 0)


def test_the_quiet_are_counted_by_what_they_are(sqlite: store.Database) -> None:
    def stepped(night: int) -> float:
        return 1000.0 + night % 3 + 400 * (night >= 20)

    keep(
        sqlite,
        {
            "step": {("open_files", ""): stepped},
            "calm": {("open_files", ""): level(1000)},
        },
    )
    found = survey(sqlite)
    assert found.quiet == {"one-off step": 1}
    assert (found.series, found.level) == (2, 1)


def test_a_window_is_kept_to(sqlite: store.Database) -> None:
    keep(sqlite, {"web1": volume("/", lambda night: (20 + max(night - 25, 0)) * GIB)})
    middle = LAST - 15 * DAY_MS
    assert survey(sqlite, until=middle).rising == []
    assert len(survey(sqlite, since=middle).rising) == 1


def test_the_limit_is_that_of_the_window(sqlite: store.Database) -> None:
    used = line(20 * GIB, GIB, 0.1)
    grown = {
        "web1": {
            ("disk_used_bytes", "/"): used,
            ("disk_size_bytes", "/"): lambda n: (100 + 100 * (n > 30)) * GIB,
        }
    }
    keep(sqlite, grown)
    assert [one.limit for one in survey(sqlite).rising] == [200 * GIB]
    assert [one.limit for one in survey(sqlite, until=LAST - 15 * DAY_MS).rising] == [100 * GIB]


def test_the_same_trend_on_many_hosts_is_one_line(sqlite: store.Database) -> None:
    hosts = {f"web{n}": volume("/", line(10 * GIB, (1 + n / 20) * GIB, 0.1)) for n in range(1, 6)}
    hosts["db1"] = volume("/", line(5 * GIB, 0.1 * GIB, 0.1))
    hosts["db2"] = volume("/data", line(10 * GIB, GIB, 0.1))
    keep(sqlite, hosts)
    groups = folded(survey(sqlite).rising)
    assert sorted(sorted(one.series.host for one in group) for group in groups) == [
        ["db1"],
        ["db2"],
        [f"web{n}" for n in range(1, 6)],
    ]
    first = [group[0].trend.eta_low or 0.0 for group in groups]
    assert first == sorted(first)


def test_two_of_a_kind_stand_where_each_is_due(sqlite: store.Database) -> None:
    hosts = {"a": volume("/", line(50 * GIB, GIB, 0.1)), "b": volume("/", line(5 * GIB, GIB, 0.1))}
    keep(sqlite, {**hosts, "c": volume("/data", line(30 * GIB, GIB, 0.1))})
    assert [[one.series.host for one in group] for group in folded(survey(sqlite).rising)] == [
        ["a"],
        ["c"],
        ["b"],
    ]


def test_an_empty_database_has_nothing(tmp_path: Path) -> None:
    with store.connect(str(tmp_path / "empty.db")) as database:
        found = survey(database)
    assert (found.rising, found.watch, found.hosts, found.series, found.quiet) == ([], [], 0, 0, {})


def test_two_scans_in_one_second_are_two_samples(sqlite: store.Database) -> None:
    hosts = {"web1": volume("/", line(20 * GIB, GIB))}
    keep(sqlite, hosts)
    keep(sqlite, hosts, last=LAST + 300)
    (one,) = survey(sqlite).rising
    assert one.trend.samples == 80
    assert one.trend.slope_per_day == pytest.approx(GIB, rel=0.02)


def test_an_outlook_of_a_watched_one_is_never_severe(sqlite: store.Database) -> None:
    keep(sqlite, {"fast": volume("/", line(5 * GIB, 2 * GIB, 0.2))})
    (one,) = survey(sqlite).rising
    unsure = replace(one, trend=replace(one.trend, confidence=0.7))
    assert (one.severity, unsure.severity) == ("warning", "ok")
