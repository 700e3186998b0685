from __future__ import annotations

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from fleet_collector import store
from fleet_collector.errors import SnapshotError
from fleet_collector.metrics import Sample
from fleet_collector.snapshot import Snapshot
from fleet_collector.store.parcel import unpack_snapshot
from fleet_collector.tables import SNAPSHOT
from tests.collector.store.records import DAY, FINDING, NOON, failed, points, samples, sweep, well


def test_hosts_tell_when_they_answered_last(database: store.Database) -> None:
    number = sweep(database)
    store.save(
        database,
        [
            well("a", number, NOON),
            *(failed("a", number, NOON + n) for n in (1, 2, 3)),
            failed("b", number, NOON),
            well("c", number, NOON + 5, status="partial"),
        ],
    )
    a, b, c = store.hosts(database)
    assert (a.name, a.last.status, a.answered_at, a.failures_since) == ("a", "failed", NOON, 3)
    assert (b.name, b.answered_at, b.failures_since) == ("b", None, 1)
    assert (c.last.severity, c.answered_at, c.failures_since) == ("unknown", NOON + 5, 0)
    assert [host.name for host in store.hosts(database, ["c", "a", "nobody"])] == ["a", "c"]
    assert store.host_names(database) == ["a", "b", "c"]


def test_the_last_scan_of_each_kind(database: store.Database) -> None:
    number = sweep(database)
    sick = {"findings": [FINDING]}
    store.save(
        database,
        [well("a", number, 10), well("a", number, 20, **sick), failed("a", number, 30), well("b", number, 5)],
    )

    def at(**options: object) -> dict[str, int]:
        return {scan.host: scan.taken_at for scan in store.latest(database, **options)}  # type: ignore[arg-type]

    assert at() == {"a": 30, "b": 5}
    assert at(answered=True) == {"a": 20, "b": 5}
    assert at(well=True) == {"a": 10, "b": 5}
    assert at(before=20) == {"a": 10, "b": 5}
    assert at(before=10, names=["a"]) == {}


def test_scans_of_a_window(database: store.Database) -> None:
    number = sweep(database)
    store.save(database, [well("a", number, at) for at in (10, 20, 30, 40)])

    def times(**options: int) -> list[int]:
        return [scan.taken_at for scan in store.scans(database, "a", **options)]

    assert times() == [10, 20, 30, 40]
    assert times(since=20, until=40) == [20, 30]
    assert times(at_most=2) == [30, 40]
    assert store.scans(database, "nobody") == []
    assert [scan.taken_at for scan in store.scans_of(database, number)] == [10, 20, 30, 40]


def test_snapshots_of_other_forms(database: store.Database) -> None:
    number = sweep(database)
    store.save(database, [well(host, number, NOON) for host in ("damaged", "newer", "wrong")])
    contents = {
        "damaged": b"\x28\xb5\x2f\xfd broken",
        "newer": zstandard.compress(b'{"schema":9,"agent":{"version":"9","x":1},"quantum":{"status":"ok"}}'),
        "wrong": zstandard.compress(b'{"schema":1,"agent":{"version":7}}'),
    }
    ids = {scan.host: scan.id for scan in store.latest(database)}
    with database.writing() as connection:
        for host, content in contents.items():
            connection.execute(
                update(SNAPSHOT).where(SNAPSHOT.c.scan_id == ids[host]).values(content=content)
            )
    found = store.snapshots(database, ids.values())
    newer = found[ids["newer"]]
    assert isinstance(newer, Snapshot)
    assert newer.schema == 9
    for host in ("damaged", "wrong"):
        assert isinstance(found[ids[host]], SnapshotError)
        with pytest.raises(SnapshotError, match="cannot be read by this version"):
            store.snapshot(database, ids[host])


@given(st.binary(max_size=200))
def test_any_stored_bytes_are_a_snapshot_or_refused(content: bytes) -> None:
    for stored in (content, zstandard.compress(content)):
        with pytest.raises(SnapshotError):
            unpack_snapshot(stored)


def test_a_snapshot_that_claims_to_be_huge_is_refused() -> None:
    frame = zstandard.ZstdCompressor().compress(bytes(100 * 1024 * 1024))
    with pytest.raises(SnapshotError, match="claims"):
        unpack_snapshot(frame)


def test_series_and_points(database: store.Database) -> None:
    number = sweep(database)
    for day in range(5):
        store.save(
            database,
            [
                well(host, number, NOON + day * DAY, samples=samples(2, start=day * 10.0))
                for host in ("a", "b")
            ],
        )
    keys = store.series(database, ["a"])
    assert [key[1:] for key in keys] == [("a", "disk_used_bytes", "/0"), ("a", "disk_used_bytes", "/1")]
    assert len(store.series(database)) == 4
    assert store.series(database, metrics=["load1"]) == []
    assert store.series(database, ["nobody"]) == []
    assert points(database, keys[1].id) == ([NOON + day * DAY for day in range(5)], [1, 11, 21, 31, 41])
    (some,) = store.histories(database, [keys[1].id], since=NOON + DAY, until=NOON + 3 * DAY)
    assert some.values.tolist() == [11, 21]
    assert store.latest_values(database, ["a", "nobody"]) == {
        "a": {("disk_used_bytes", "/0"): 40, ("disk_used_bytes", "/1"): 41}
    }


def test_latest_values_are_those_of_the_last_answer(database: store.Database) -> None:
    number = sweep(database)
    first = [Sample("load1", "", 1.0), Sample("log_bytes", "/gone", 2.0)]
    later = [Sample("load1", "", 3.0)]
    store.save(database, [well("a", number, NOON, samples=first)])
    store.save(database, [well("a", number, NOON + 4 * DAY, samples=later)])
    store.save(database, [failed("a", number, NOON + 5 * DAY)])
    assert store.latest_values(database, ["a"]) == {"a": {("load1", ""): 3.0}}
    assert store.latest_values(database, ["a"], before=NOON + DAY)["a"]["log_bytes", "/gone"] == 2.0


def test_what_the_last_answer_lacks_is_known_from_the_days_before(database: store.Database) -> None:
    number = sweep(database)
    whole = [Sample("disk_size_bytes", "/", 100.0), Sample("load1", "", 1.0)]
    store.save(database, [well("a", number, NOON, samples=whole)])
    store.save(database, [well("a", number, NOON + 2 * DAY, samples=[Sample("load1", "", 2.0)])])
    assert store.latest_values(database, ["a"]) == {
        "a": {("disk_size_bytes", "/"): 100.0, ("load1", ""): 2.0}
    }


def test_histories_are_the_points_of_every_series(database: store.Database) -> None:
    number = sweep(database)
    for day in range(4):
        values = [Sample("cpu_percent", str(n), n + day / 7) for n in range(1500) if (n + day) % 3]
        store.save(database, [well("a", number, NOON + day * DAY, samples=values)])
    keys = {key.id: int(key.label) for key in store.series(database)}
    ids = list(keys)
    found = {history.series_id: history for history in store.histories(database, [*ids, 10**6])}
    assert found.keys() == set(ids)
    for number in ids[::100]:
        n = keys[number]
        kept = [(NOON + day * DAY, n + day / 7) for day in range(4) if (n + day) % 3]
        assert list(zip(found[number].at.tolist(), found[number].values.tolist(), strict=True)) == kept
    assert found[ids[0]].at.dtype.isnative
    window = list(store.histories(database, ids, since=NOON + DAY, until=NOON + 2 * DAY))
    assert {tuple(history.at.tolist()) for history in window} == {(NOON + DAY,)}
    assert list(store.histories(database, [])) == list(store.histories(database, [10**6])) == []


def test_forecasts_are_kept_once(database: store.Database) -> None:
    store.save(database, [well("a", sweep(database), NOON)])
    [key, *_] = store.series(database)
    made = store.Forecast(
        series_id=key.id,
        made_at=NOON,
        value=5.0,
        limit_value=None,
        slope_per_day=1.5,
        confidence=0.9,
        eta_days=None,
        eta_low=2.0,
        eta_high=None,
    )
    later = msgspec.structs.replace(made, made_at=NOON + DAY, limit_value=9.0)
    store.save_forecasts(database, [later, made])
    store.save_forecasts(database, [msgspec.structs.replace(made, value=6.0)])
    assert store.forecasts(database) == [(key, made), (key, later)]
    assert store.forecasts(database, since=NOON + 1) == [(key, later)]
    assert store.forecasts(database, until=NOON) == []


def test_stats_count_what_is_there(database: store.Database) -> None:
    number = sweep(database)
    store.save(database, [well("a", number, NOON, findings=[FINDING]), failed("b", number, NOON + 7)])
    told = store.stats(database)
    assert (told.hosts, told.sweeps, told.scans, told.snapshots, told.findings) == (2, 1, 2, 1, 1)
    assert (told.series, told.samples, told.forecasts) == (3, 3, 0)
    assert (told.oldest_at, told.newest_at) == (NOON, NOON + 7)
    assert told.sample_bytes is not None
    assert told.snapshot_bytes is not None
    assert 0 < told.sample_bytes < told.total_bytes
    assert told.bytes_per_sample == told.sample_bytes / 3


def test_a_history_is_read_from_one_place(database: store.Database) -> None:
    number = sweep(database)
    values = [samples(30, start=float(n)) for n in range(100)]
    store.save(database, [well("a", number, NOON + n, samples=some) for n, some in enumerate(values)])
    [key, *_] = store.series(database)
    query = (
        f"SELECT at, value FROM sample WHERE series_id = {key.id} AND at >= 0 AND at < {NOON * 2} ORDER BY at"
    )
    if database.is_sqlite:
        with database.reading() as connection:
            plan = [row[3] for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + query)]
        assert plan == ["SEARCH sample USING PRIMARY KEY (series_id=? AND at>? AND at<?)"]
        return
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE sample")
        connection.exec_driver_sql("SET enable_seqscan = off")
        plan = [row[0] for row in connection.exec_driver_sql("EXPLAIN " + query)]
    assert "Index Only Scan using sample_pkey" in plan[0]
