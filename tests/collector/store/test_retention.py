from __future__ import annotations

from typing import Any

import msgspec
import pytest
import sqlalchemy

from fleet_collector import store
from fleet_collector.metrics import Sample
from fleet_collector.retention import Pruned, Retention, prune
from tests.collector.store.records import DAY, FINDING, NOON, failed, points, samples, sweep, well

HOUR = DAY // 24


def times(database: store.Database, host: str = "a") -> list[int]:
    """Times of every sample of a host's first series."""
    keys = store.series(database, [host])
    return points(database, keys[0].id)[0] if keys else []


def test_old_days_keep_their_first_answer(database: store.Database) -> None:
    number = sweep(database)
    start = NOON - 20 * DAY
    hours = [start + n * 6 * HOUR for n in range(-2, 80)]
    store.save(database, [well("a", number, at) for at in hours])
    before = store.stats(database)
    done = prune(database, now=NOON)
    cut = NOON - 14 * DAY
    kept = [at for at in hours if at >= cut or at % DAY == 0]
    assert times(database) == kept
    assert done == Pruned(thinned=len(hours) - len(kept), expired=0, samples=(len(hours) - len(kept)) * 3)
    after = store.stats(database)
    assert (after.scans, after.snapshots, after.samples) == (before.scans, len(kept), len(kept) * 3)
    assert prune(database, now=NOON) == Pruned()


def test_failures_and_findings_keep_their_story(database: store.Database) -> None:
    number = sweep(database)
    day = (NOON - 30 * DAY) // DAY * DAY
    store.save(
        database,
        [
            failed("a", number, day + 1),
            well("a", number, day + 2),
            well("a", number, day + 3, findings=[FINDING]),
            failed("a", number, day + 4),
            well("b", number, day + 3),
        ],
    )
    assert prune(database, now=NOON).thinned == 1
    told = store.scans(database, "a")
    assert [scan.status for scan in told] == ["failed", "ok", "ok", "failed"]
    assert told[0].failure is not None
    assert store.findings(database, [told[2].id])[told[2].id] == [FINDING]
    assert (times(database), times(database, "b")) == ([day + 2], [day + 3])
    assert [store.snapshot(database, scan.id) is None for scan in told] == [True, False, True, True]


def test_after_two_years_all_is_gone(database: store.Database) -> None:
    old = sweep(database)
    store.finish_sweep(database, old)
    new = sweep(database)
    gone = NOON - 731 * DAY
    store.save(
        database,
        [well("gone", old, gone, findings=[FINDING]), well("a", old, gone), failed("a", old, gone + 1)],
    )
    store.save(database, [well("a", new, NOON, samples=samples(1))])
    done = prune(database, now=NOON)
    assert (done.expired, done.samples, done.more) == (3, 6, False)
    told = store.stats(database)
    assert (told.hosts, told.sweeps, told.scans, told.findings, told.series, told.samples) == (
        1,
        1,
        1,
        0,
        1,
        1,
    )
    assert [scan.taken_at for scan in store.scans(database, "a")] == [NOON]


def test_one_call_does_a_bounded_part(database: store.Database) -> None:
    number = sweep(database)
    day = (NOON - 30 * DAY) // DAY * DAY
    one = [Sample("load1", "", 1.0)]
    store.save(database, [well("a", number, day + n, samples=one) for n in range(1000)])
    done = prune(database, now=NOON, at_most=300)
    assert done.more
    assert done.thinned == 299
    while prune(database, now=NOON, at_most=300).more:
        pass
    assert times(database) == [day]


def test_days_can_be_set(database: store.Database) -> None:
    number = sweep(database)
    store.save(database, [well("a", number, NOON - 3 * DAY + n) for n in range(3)])
    assert prune(database, now=NOON) == Pruned()
    assert prune(database, Retention(all_days=1), now=NOON).thinned == 2
    assert prune(database, Retention(all_days=1, daily_days=2), now=NOON).expired == 3


@pytest.mark.parametrize(
    "text",
    [
        b'{"all_days":0}',
        b'{"daily_days":1e9}',
        b'{"days":1}',
        b'{"all_days":40,"daily_days":10}',
        b'{"all_days":800}',
        b'{"all_days":"14"}',
    ],
)
def test_settings_that_make_no_sense_are_refused(text: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Retention)


def test_the_file_shrinks(sqlite: store.Database) -> None:
    number = sweep(sqlite)
    many = samples(2000)
    store.save(sqlite, [well("a", number, NOON - 800 * DAY + n, samples=many) for n in range(30)])
    before = store.stats(sqlite)
    prune(sqlite, now=NOON)
    after = store.stats(sqlite)
    assert after.free_bytes == 0
    assert after.sample_bytes is not None
    assert before.sample_bytes is not None
    assert after.sample_bytes < before.sample_bytes / 10


def test_what_was_thinned_is_not_looked_through_again(sqlite: store.Database) -> None:
    store.save(sqlite, [well("a", sweep(sqlite), NOON - 30 * DAY + n) for n in range(5)])
    asked: list[tuple[str, tuple[object, ...]]] = []

    def note(*call: Any) -> None:
        asked.append((call[2], call[3]))

    sqlalchemy.event.listen(sqlite.engine, "before_cursor_execute", note)
    prune(sqlite, now=NOON)
    sqlalchemy.event.remove(sqlite.engine, "before_cursor_execute", note)
    due = next((text, values) for text, values in asked if "NOT scan.thinned" in text)
    with sqlite.reading() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {due[0]}", due[1])]
    assert plan[0].startswith("SEARCH scan USING INDEX scan_to_thin ")
