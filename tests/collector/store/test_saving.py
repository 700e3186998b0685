from __future__ import annotations

import signal
from dataclasses import replace

import msgspec
import pytest
from sqlalchemy import func, select

from fleet_collector import store
from fleet_collector.errors import StoreError
from fleet_collector.findings.finding import Finding as FindingRead
from fleet_collector.metrics import Sample
from fleet_collector.tables import FINDING as FINDINGS
from fleet_collector.tables import HOST, SAMPLE, SCAN, SERIES, SNAPSHOT
from tests.collector.store.records import (
    DAY,
    FAILURE,
    FINDING,
    NOON,
    child,
    failed,
    finish,
    points,
    samples,
    sweep,
    well,
)


def rows(database: store.Database) -> dict[str, int]:
    tables = (HOST, SCAN, SNAPSHOT, FINDINGS, SERIES, SAMPLE)
    with database.reading() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables
        }


def test_what_is_saved_can_be_read(database: store.Database) -> None:
    number = sweep(database, "web1", "db1")
    whole = well("web1", number, NOON, findings=[FINDING, replace_finding("b")], status="partial")
    store.save(database, [whole, failed("db1", number, NOON + 1)])
    db1, web1 = store.latest(database)
    assert (db1.host, db1.status, db1.severity, db1.failure) == ("db1", "failed", "unknown", FAILURE)
    assert (web1.status, web1.severity, web1.taken_at, web1.sweep_id) == ("partial", "critical", NOON, number)
    assert (web1.duration_ms, web1.clock_offset_seconds, web1.address, web1.samples) == (
        12.5,
        -0.25,
        "192.0.2.1",
        3,
    )
    assert store.findings(database, [db1.id, web1.id]) == {web1.id: list(whole.findings)}
    assert store.snapshot(database, web1.id) == whole.snapshot
    assert store.snapshot(database, db1.id) is None
    [key] = store.series(database, ["web1"], ["disk_used_bytes"])[2:]
    assert key[1:] == ("web1", "disk_used_bytes", "/2")
    assert points(database, key.id) == ([NOON], [2.0])


def replace_finding(subject: str) -> FindingRead:
    return msgspec.structs.replace(FINDING, subject=subject, next=None, severity="warning", evidence={})


def test_saving_twice_changes_nothing(database: store.Database) -> None:
    number = sweep(database, "web1", "web2")
    records = [well("web1", number, NOON, findings=[FINDING]), failed("web2", number, NOON)]
    store.save(database, records)
    before = rows(database)
    store.save(database, records)
    store.save(database, [*records, *records])
    assert rows(database) == before
    assert before == {"host": 2, "scan": 2, "snapshot": 1, "finding": 1, "series": 3, "sample": 3}
    store.save(database, [])
    assert rows(database) == before


def test_two_scans_in_one_second_and_two_sweeps_at_one_moment(database: store.Database) -> None:
    one, other = sweep(database), sweep(database)
    store.save(database, [well("a", one, NOON), well("a", one, NOON + 1), well("a", other, NOON)])
    assert [(scan.taken_at, scan.sweep_id) for scan in store.scans(database, "a")] == [
        (NOON, one),
        (NOON, other),
        (NOON + 1, one),
    ]
    assert rows(database)["sample"] == 6


def test_a_batch_is_stored_whole_or_not_at_all(database: store.Database) -> None:
    number = sweep(database, "web1")
    with pytest.raises(StoreError, match="cannot be used"):
        store.save(database, [well("web1", number, NOON), well("web2", number + 99, NOON)])
    assert set(rows(database).values()) == {0}


def test_text_that_postgresql_cannot_hold(database: store.Database) -> None:
    number = sweep(database, "a")
    hostile = replace_finding("nul\0here")
    label = "/var/\0\x1b[31m\u202e\n"
    store.save(
        database, [well("a", number, NOON, findings=[hostile], samples=[Sample("log_bytes", label, 1.0)])]
    )
    [scan] = store.latest(database)
    assert store.findings(database, [scan.id])[scan.id][0].subject == "nul\ufffdhere"
    assert [key.label for key in store.series(database, ["a"])] == [label.replace("\0", "\ufffd")]


def test_large_numbers_and_many_hosts_at_once(database: store.Database) -> None:
    number = sweep(database)
    extremes = [
        Sample("a", "", 2.0**63),
        Sample("b", "", -1e18),
        Sample("c", "", 0.1),
        Sample("d", "", 5e-324),
    ]
    store.save(database, [well(f"h{n}", number, NOON + n, samples=extremes) for n in range(700)])
    assert len(store.latest(database)) == len(store.hosts(database, [f"h{n}" for n in range(700)])) == 700
    assert store.latest_values(database, ["h5"])["h5"] == {(s.metric, s.label): s.value for s in extremes}


SAVER = """
with store.connect(sys.argv[1]) as database:
    number = store.begin_sweep(database, asked=sys.argv[2], hosts=[], alone=False)
    print(number, flush=True); sys.stdin.readline()
    for round in range(15):
        at, samples = records.NOON + round * 1000, records.samples(20)
        store.save(database, [records.well(f"h{n}", number, at, samples=samples) for n in range(20)])
    store.finish_sweep(database, number)
"""


def test_two_processes_save_into_one_database_at_once(address: str) -> None:
    store.connect(address).close()
    children = [child(SAVER, address, str(n)) for n in range(3)]
    for process in children:
        assert process.stdout is not None
        process.stdout.readline()
    for process in children:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    finish(children)
    with store.connect(address) as database:
        assert rows(database) == {
            "host": 20,
            "scan": 900,
            "snapshot": 900,
            "finding": 0,
            "series": 400,
            "sample": 400 * 15,
        }
        assert [(one.status, one.ok) for one in store.sweeps(database)] == [("finished", 300)] * 3


ENDLESS = """
with store.connect(sys.argv[1]) as database:
    number = store.begin_sweep(database, asked="endless", hosts=["h0"])
    for round in range(1_000_000):
        store.save(database, [records.well(f"h{n}", number, records.NOON + round) for n in range(50)])
        print(round, flush=True)
"""


def test_a_killed_collector_leaves_what_it_had_stored(address: str) -> None:
    process = child(ENDLESS, address)
    assert process.stdout is not None
    for _ in range(5):
        last = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with store.connect(address) as database:
        assert [one.status for one in store.sweeps(database)] == ["running"]
        number = sweep(database, "h0")
        killed = store.sweep(database, number - 1)
        assert killed.status == "interrupted"
        assert killed.ok >= 50 * (last + 1)
        assert killed.ok % 50 == 0
        counted = rows(database)
        assert counted["scan"] == counted["snapshot"] == killed.ok
        assert counted["sample"] == killed.ok * 3


def test_a_changed_record_does_not_replace_the_stored_one(database: store.Database) -> None:
    number = sweep(database, "a")
    record = well("a", number, NOON)
    store.save(database, [record])
    store.save(database, [replace(record, samples=samples(start=100.0), status="partial")])
    assert store.latest(database)[0].status == "ok"
    assert sorted(store.latest_values(database, ["a"])["a"].values()) == [0, 1, 2]
    store.save(database, [well("a", number, NOON + DAY)])
    assert len(store.scans(database, "a")) == 2
