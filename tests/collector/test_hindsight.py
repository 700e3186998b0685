from __future__ import annotations

import pytest

from fleet_collector import store
from fleet_collector.hindsight import hindsight
from tests.collector.nights import DAY_MS, LAST, Host, keep, line
from tests.databases import address, database, postgres_server, sqlite

__all__ = ["address", "database", "postgres_server", "sqlite"]

FIRST = LAST - 39 * DAY_MS
HOST: Host = {("time_wait", ""): line(0, 10)}  # meets 200 on night 20


Dates = tuple[int, int, int, float | None]


def dates(database: store.Database) -> Dates:
    """Forecasts that were due, that came true, that did so within their interval; and the median error."""
    found = hindsight(database, LAST)
    return found.due, found.met, found.inside, found.median_off_days


def foretold(
    database: store.Database, night: int, days: tuple[float, float, float | None], limit: float = 200.0
) -> None:
    """Keep a forecast made on a night: early end, likeliest, late end."""
    (key,) = store.series(database, ["web1"])
    early, likely, late = days
    store.save_forecasts(
        database,
        [
            store.Forecast(
                series_id=key.id,
                made_at=FIRST + night * DAY_MS,
                value=10.0 * night,
                limit_value=limit,
                slope_per_day=10.0 if limit else -10.0,
                confidence=0.95,
                eta_days=likely,
                eta_low=early,
                eta_high=late,
            )
        ],
    )


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ((8.0, 10.0, 13.0), (1, 1, 1, 0.0)),
        ((5.0, 7.0, 8.5), (1, 1, 0, 3.0)),
        ((12.0, 15.0, 19.0), (1, 1, 0, 5.0)),
        ((7.0, 9.0, None), (1, 1, 1, 1.0)),
    ],
)
def test_a_limit_that_was_met(
    database: store.Database, days: tuple[float, float, float | None], expected: Dates
) -> None:
    keep(database, {"web1": HOST})
    foretold(database, 10, days)
    assert dates(database) == expected


def test_what_was_not_met_in_time_did_not_come_true(sqlite: store.Database) -> None:
    keep(sqlite, {"web1": HOST})
    foretold(sqlite, 10, (5.0, 9.0, 14.0), limit=5000.0)
    assert dates(sqlite) == (1, 0, 0, None)


def test_what_is_not_due_does_not_count(sqlite: store.Database) -> None:
    keep(sqlite, {"web1": HOST})
    foretold(sqlite, 38, (8.0, 10.0, 13.0), limit=5000.0)
    assert hindsight(sqlite, LAST).due == 0


def test_a_number_that_falls_meets_its_limit_from_above(sqlite: store.Database) -> None:
    keep(sqlite, {"web1": {("mem_available_bytes", ""): line(200, -10)}})
    foretold(sqlite, 10, (8.0, 11.0, 13.0), limit=0.0)
    assert dates(sqlite) == (1, 1, 1, 1.0)


def test_forecasts_of_every_night_count_as_one_until_it_is_settled(sqlite: store.Database) -> None:
    keep(sqlite, {"web1": HOST})
    for night in range(10, 20):
        foretold(sqlite, night, (18.0 - night, 20.0 - night, 23.0 - night))
    foretold(sqlite, 22, (5.0, 8.0, 9.0), limit=300.0)
    assert dates(sqlite) == (2, 2, 2, 0.0)


def test_nothing_foretold_is_nothing_to_check(sqlite: store.Database) -> None:
    assert dates(sqlite) == (0, 0, 0, None)


def test_memory_that_is_all_but_gone_has_met_its_limit(sqlite: store.Database) -> None:
    keep(sqlite, {"web1": {("mem_available_bytes", ""): lambda night: max(200.0 - 10 * night, 1.5)}})
    foretold(sqlite, 10, (8.0, 11.0, 13.0), limit=0.0)
    assert dates(sqlite) == (1, 1, 1, 1.0)


def test_what_nobody_looked_at_any_more_is_not_called_wrong(sqlite: store.Database) -> None:
    keep(sqlite, {"web1": {("time_wait", ""): lambda night: 10.0 * night if night < 18 else None}})
    foretold(sqlite, 10, (8.0, 10.0, 13.0))
    assert dates(sqlite) == (0, 0, 0, None)


def test_the_growth_of_a_week_is_checked_long_before_any_date(sqlite: store.Database) -> None:
    def slower(night: int) -> float:
        return 10.0 * night if night <= 20 else 200.0 + 7.5 * (night - 20)

    keep(sqlite, {"web1": {("time_wait", ""): slower}})
    for night in (5, 6, 20, 38):
        foretold(sqlite, night, (80.0, 90.0, 100.0), limit=9000.0)
    found = hindsight(sqlite, LAST)
    assert (found.due, found.weeks) == (0, 2)
    assert found.median_off_part == pytest.approx(0.125)
