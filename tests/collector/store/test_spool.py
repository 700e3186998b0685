from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update

from fleet_collector import store
from fleet_collector.errors import StoreError
from fleet_collector.store import database as door
from fleet_collector.store import spool
from fleet_collector.store.parcel import pack
from fleet_collector.store.writer import AGAIN_SECONDS
from fleet_collector.tables import SCAN, SWEEP
from tests import postgres
from tests.collector.store.records import NOON, child, sweep, well
from tests.databases import FULL


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def locked(database: store.Database) -> Iterator[None]:
    """Another program holds the database."""
    import sqlite3

    assert database.path is not None
    with closing(sqlite3.connect(database.path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[store.Database]:
    monkeypatch.setattr(door, "BUSY_SECONDS", 0.05)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with store.connect(str(tmp_path / "fleet.db")) as database:
        yield database


def spools(database: store.Database) -> list[Path]:
    assert database.path is not None
    return sorted(database.path.parent.glob("*.spool"))


def again(database: store.Database) -> tuple[int, list[str]]:
    """Open the same database anew; the number of its scans, and what it says."""
    with store.connect(
        str(database.path or database.engine.url.render_as_string(hide_password=False))
    ) as opened:
        return store.stats(opened).scans, opened.notices


def test_records_are_stored_by_number_and_by_age(database: store.Database) -> None:
    clock = Clock()
    number = sweep(database)
    writer = store.Writer(database, number, at_most=3, seconds=5.0, clock=clock)
    for n in range(4):
        writer.add(well(f"h{n}", number, NOON))
    assert writer.stored == store.stats(database).scans == 3
    clock.now = 4.9
    writer.tick()
    assert store.stats(database).scans == 3
    clock.now = 5.1
    writer.tick()
    assert store.stats(database).scans == 4
    with writer:
        writer.add(well("last", number, NOON))
    assert (writer.stored, writer.spooled, writer.trouble) == (5, 0, None)
    assert store.stats(database).scans == 5


def test_the_writer_keeps_the_sweep_alive(database: store.Database) -> None:
    clock = Clock()
    number = store.begin_sweep(database, asked="x", hosts=[])
    writer = store.Writer(database, number, clock=clock)
    with database.writing() as connection:
        connection.execute(update(SWEEP).values(heartbeat_at=5, owner="elsewhere 1 1"))
    clock.now = 31
    writer.tick()
    assert store.mark_interrupted(database) == []
    writer.close()


def test_what_a_locked_database_refuses_comes_in_later(impatient: store.Database) -> None:
    number = sweep(impatient, "a")
    writer = store.Writer(impatient, number, at_most=1)
    writer.add(well("before", number, NOON))
    with locked(impatient):
        writer.add(well("a", number, NOON))
        writer.add(well("b", number, NOON))
        assert (writer.stored, writer.spooled) == (1, 2)
        assert "locked by another program" in str(writer.trouble)
        [path] = spools(impatient)
        assert path.stat().st_mode & 0o777 == 0o600
        assert again(impatient) == (1, [])  # its writer lives
    writer.add(well("c", number, NOON))
    writer.close()
    assert (writer.stored, writer.spooled) == (4, 0)
    assert spools(impatient) == []
    assert store.stats(impatient).scans == 4


def test_what_a_dead_writer_left_comes_in_once(impatient: store.Database) -> None:
    program = """
from fleet_collector.store import database as door
door.BUSY_SECONDS = 0.05
database = store.connect(sys.argv[1])
number = store.begin_sweep(database, asked="x", hosts=["h0"])
writer = store.Writer(database, number, at_most=2)
print("ready", flush=True); sys.stdin.readline()
for n in range(6):
    writer.add(records.well(f"h{n}", number, records.NOON))
print(writer.spooled, flush=True); sys.stdin.readline()
"""
    process = child(program, str(impatient.path))
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()
    with locked(impatient):
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.stdout.readline() == "6\n"
        process.kill()
        process.communicate()
        scans, [waiting] = again(impatient)
        assert scans == 0
        assert "results wait in" in waiting
    assert again(impatient) == (6, ["6 results were brought in from a spool file"])
    assert again(impatient) == (6, [])
    assert store.sweeps(impatient)[0].ok == 6


def test_a_spool_cut_short_gives_its_whole_batches(sqlite: store.Database) -> None:
    number = sweep(sqlite)
    file = spool.Spool(sqlite, number, store.sweep(sqlite, number).started_at)
    for n in range(3):
        file.append(pack([well(f"h{n}", number, NOON)]))
    file.close()
    [path] = spools(sqlite)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert again(sqlite)[0] == 2
    path.write_bytes(whole[:-5] + b"xxxxx" + bytes(100))
    assert again(sqlite)[0] == 2
    path.write_bytes(whole.replace(whole[20:30], b"0123456789", 1))
    assert again(sqlite)[0] == 3  # what is damaged is passed over
    path.write_bytes(whole)
    assert again(sqlite)[0] == 3
    assert spools(sqlite) == []


def test_a_spool_of_a_newer_fleet_waits_for_it(sqlite: store.Database) -> None:
    number = sweep(sqlite)
    file = spool.Spool(sqlite, number, store.sweep(sqlite, number).started_at)
    file.append(pack([well("h", number, NOON)]))
    file.close()
    [path] = spools(sqlite)
    whole = path.read_bytes()
    for newer in (b"fleet-spool 2\n" + whole[14:], spool.MAGIC + spool.framed(b"no zstd")):
        path.write_bytes(newer)
        scans, [notice] = again(sqlite)
        assert scans == 0
        assert "written by another version of fleet" in notice
        assert spools(sqlite) == [path]
    path.write_bytes(whole)
    assert again(sqlite)[0] == 1


def test_a_database_that_refuses_is_left_alone_for_a_while(impatient: store.Database) -> None:
    number, clock = sweep(impatient), Clock()
    writer = store.Writer(impatient, number, at_most=1, clock=clock)
    with locked(impatient):
        writer.add(well("h0", number, NOON))
    writer.add(well("h1", number, NOON))
    assert (writer.stored, writer.spooled) == (0, 2)
    clock.now = AGAIN_SECONDS
    writer.add(well("h2", number, NOON))
    assert (writer.stored, writer.spooled) == (1, 2)
    writer.close()
    assert (writer.stored, writer.spooled) == (3, 0)


def test_one_attempt_at_a_locked_database_is_enough_for_all_files(impatient: store.Database) -> None:
    number = sweep(impatient)
    for n in range(3):
        file = spool.Spool(impatient, number, store.sweep(impatient, number).started_at)
        file.append(pack([well(f"h{n}", number, NOON)]))
        file.close()
    with locked(impatient):
        assert len(again(impatient)[1]) == 1
    assert again(impatient)[0] == 3


@pytest.mark.full
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: gives a directory away")
def test_a_directory_that_somebody_else_has_laid_out_is_not_used(tmp_path: Path) -> None:
    theirs = tmp_path / f"fleet-{os.geteuid()}"
    theirs.mkdir()
    os.chown(theirs, os.geteuid() + 1, -1)
    with pytest.raises(PermissionError):
        spool._create(theirs / "x.spool")


def test_a_spool_of_a_database_that_was_made_anew(sqlite: store.Database) -> None:
    number = sweep(sqlite)
    file = spool.Spool(sqlite, number, NOON - 5)
    file.append(pack([well("a", number, NOON)]))
    file.close()
    with sqlite.writing() as connection:
        connection.execute(delete(SCAN))
    assert again(sqlite)[0] == 1
    [late, first] = store.sweeps(sqlite)
    assert (late.status, late.started_at, late.ok) == ("interrupted", NOON - 5, 1)
    assert first.ok == 0


def test_without_room_beside_the_database_the_next_directory_serves(
    sqlite: store.Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = sweep(sqlite)
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a directory should be")
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setattr(spool, "directories", lambda _: [blocked, Path("/proc"), elsewhere])
    file = spool.Spool(sqlite, number, store.sweep(sqlite, number).started_at)
    file.append(pack([well("a", number, NOON)]))
    assert len(list(elsewhere.glob("*.spool"))) == 1
    file.close()
    assert again(sqlite)[0] == 1
    monkeypatch.setattr(spool, "directories", lambda _: [blocked])
    with pytest.raises(StoreError, match="1 results are lost: neither"):
        file.append(pack([well("b", number, NOON)]))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_the_spool_file_moves_on(sqlite: store.Database) -> None:
    number = sweep(sqlite)
    file = spool.Spool(sqlite, number, store.sweep(sqlite, number).started_at)
    with Path("/dev/full").open("wb", buffering=0) as full:
        file._file = full
        file.append(pack([well("a", number, NOON)]))
        file.close()
    assert again(sqlite)[0] == 1


@given(st.binary(max_size=300))
def test_any_bytes_in_a_spool_file_are_survived(content: bytes) -> None:
    import io

    for start in (b"", spool.MAGIC, spool.MAGIC + spool.framed(content)):
        with suppress(StoreError):
            assert list(spool._batches(io.BytesIO(start + content))) == []


def test_links_of_others_are_not_followed(sqlite: store.Database, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(spool.MAGIC)
    (tmp_path / f"{spool.tag(sqlite)}.1-x.spool").symlink_to(secret)
    assert again(sqlite) == (0, [])
    assert secret.exists()


@pytest.mark.full
@pytest.mark.skipif(
    FULL[1].args[0] or bool(postgres.GIVEN), reason="needs a PostgreSQL that may be restarted"
)
def test_postgresql_is_restarted_in_mid_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with postgres.cluster() as server, server.database() as url, store.connect(url) as database:
        number = sweep(database, "a")
        clock = Clock()
        with store.Writer(database, number, at_most=10, clock=clock) as writer:
            for n in range(60):
                if n == 20:
                    server.stop()
                if n == 40:
                    server.start()
                    clock.now = 31
                writer.add(well(f"h{n}", number, NOON))
            assert (writer.stored, writer.spooled) == (40, 20)
            assert "the database postgresql://" in str(writer.trouble)
        assert (writer.stored, writer.spooled) == (60, 0)
        assert store.finish_sweep(database, number).ok == 60
        assert list((tmp_path / "state" / "fleet").iterdir()) == []


def test_what_waits_to_be_stored_outlives_a_kill(sqlite: store.Database) -> None:
    number = sweep(sqlite)
    dead = store.Writer(sqlite, number, at_most=100, seconds=1e9)
    dead.add(well("h1", number, NOON), well("h2", number, NOON))
    assert store.stats(sqlite).scans == 0
    assert again(sqlite) == (0, [])  # its writer lives
    dead._spool._file.close()  # type: ignore[union-attr]  # as the kernel does for one that was killed
    assert again(sqlite) == (2, ["2 results were brought in from a spool file"])
    assert spools(sqlite) == []


def test_what_was_stored_leaves_no_spool(sqlite: store.Database) -> None:
    number = sweep(sqlite)
    with store.Writer(sqlite, number, at_most=2) as writer:
        for n in range(5):
            writer.add(well(f"h{n}", number, NOON))
        assert len(spools(sqlite)) == 1
    assert spools(sqlite) == []
    assert again(sqlite) == (5, [])
