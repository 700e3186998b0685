from __future__ import annotations

import pytest
from sqlalchemy import update

from fleet_collector import store
from fleet_collector.errors import SweepRunning
from fleet_collector.store.owner import lives, this_process
from fleet_collector.tables import SWEEP
from tests.collector.store.records import NOON, child, failed, finish, sweep, well


def change(database: store.Database, number: int, **values: object) -> None:
    with database.writing() as connection:
        connection.execute(update(SWEEP).where(SWEEP.c.id == number).values(**values))


def test_a_sweep_from_beginning_to_end(database: store.Database) -> None:
    number = store.begin_sweep(database, asked="hosts.txt", hosts=["a", "b", "c"], started_at=NOON)
    assert store.sweep(database, number).status == "running"
    store.save(
        database,
        [well("a", number, NOON), well("b", number, NOON, status="partial"), failed("c", number, NOON)],
    )
    done = store.finish_sweep(database, number, finished_at=NOON + 60_000)
    assert done == store.SweepSummary(
        id=number,
        started_at=NOON,
        finished_at=NOON + 60_000,
        status="finished",
        asked="hosts.txt",
        hosts=3,
        ok=1,
        partial=1,
        failed=1,
    )
    cut = store.begin_sweep(database, asked="x", hosts=[], started_at=NOON + 1)
    assert store.finish_sweep(database, cut, interrupted=True).status == "interrupted"
    assert [one.id for one in store.sweeps(database)] == [cut, number]
    with pytest.raises(KeyError):
        store.sweep(database, 99)


def test_a_second_sweep_of_the_same_hosts_is_told(database: store.Database) -> None:
    first = sweep(database, "a", "b", "c")
    with pytest.raises(
        SweepRunning, match=rf"sweep {first}, begun \S+ m?s ago, is still asking b and 1 more"
    ):
        sweep(database, "c", "b", "x")
    sweep(database, "x", "y")
    sweep(database, "a", alone=False)
    store.finish_sweep(database, first)
    sweep(database, "b", "c")


def test_the_lock_dies_with_its_owner(address: str) -> None:
    program = "print(records.sweep(store.connect(sys.argv[1]), 'a', 'b'), flush=True); sys.stdin.readline()"
    process = child(program, address)
    assert process.stdout is not None
    number = int(process.stdout.readline())
    with store.connect(address) as database:
        with pytest.raises(SweepRunning):
            sweep(database, "a")
        assert store.mark_interrupted(database) == []
        process.kill()
        process.communicate()
        sweep(database, "a")
        assert store.sweep(database, number).status == "interrupted"
        assert store.sweep(database, number).finished_at is not None


def test_of_two_that_begin_at_once_one_may(address: str) -> None:
    store.connect(address).close()
    program = """
from fleet_collector.errors import SweepRunning
database = store.connect(sys.argv[1])
print("ready", flush=True); sys.stdin.readline()
try:
    print(records.sweep(database, "a", sys.argv[2]), flush=True)
except SweepRunning:
    print("refused", flush=True)
sys.stdin.readline()
"""
    children = [child(program, address, f"b{n}") for n in range(3)]
    for expected in ("ready\n", None):
        said = []
        for process in children:
            assert process.stdin is not None
            assert process.stdout is not None
            if expected is None:
                process.stdin.write("go\n")
                process.stdin.flush()
        for process in children:
            assert process.stdout is not None
            said.append(process.stdout.readline())
        assert expected is None or said == [expected] * 3
    finish(children)
    assert sorted(said)[1:] == ["refused\n"] * 2


def test_a_silent_sweep_elsewhere_is_dead(database: store.Database) -> None:
    number = sweep(database, "a")
    change(database, number, owner="another-machine 1 1")
    assert store.mark_interrupted(database) == []
    change(database, number, heartbeat_at=store.now_ms() - 10 * 60_000)
    store.beat(database, number)
    assert store.mark_interrupted(database) == []
    change(database, number, heartbeat_at=store.now_ms() - 10 * 60_000)
    assert store.mark_interrupted(database) == [number]
    assert store.finish_sweep(database, number).status == "finished"


def test_who_lives() -> None:
    place, pid, started = this_process().split(" ")
    assert lives(this_process(), 1e9)
    assert not lives(f"{place} {pid} {int(started) + 1}", 0)
    assert not lives(f"{place} 4194305 1", 0)
    assert lives("elsewhere 1 1", 10)
    assert lives("elsewhere 1 1", -10)
    assert not lives("elsewhere 1 1", -1e6)
    assert not lives("", 1e6)
