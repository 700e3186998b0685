from __future__ import annotations

import os
import socket
import sqlite3
from pathlib import Path

import pytest

from fleet_collector import store
from fleet_collector.errors import NoDatabase, SettingsError, StoreError
from fleet_collector.store import database as door
from tests import postgres
from tests.collector.store.records import NOON, child, finish, sweep, well


def refusal(address: str) -> str:
    with pytest.raises((StoreError, SettingsError)) as caught:
        store.connect(address)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "not" / "yet" / "fleet.db"
    store.connect(str(path)).close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with store.connect(f"sqlite:///{path}") as database, database.reading() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "auto_vacuum")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "auto_vacuum": 2}


def test_who_reads_makes_nothing(tmp_path: Path, postgres_server: postgres.Cluster) -> None:
    missing = tmp_path / "not" / "there" / "fleet.db"
    with pytest.raises(NoDatabase, match="there is no database"):
        store.connect(str(missing), create=False)
    assert not missing.parent.exists()
    with postgres_server.database() as url:
        for _ in range(2):
            with pytest.raises(NoDatabase, match="is empty"):
                store.connect(url, create=False)


def test_a_database_at_the_newest_form_opens_without_alembic(address: str) -> None:
    store.connect(address).close()
    program = "store.connect(sys.argv[1]).close(); print('alembic' in sys.modules)"
    assert finish([child(program, address)]) == ["False\n"]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("mysql://host/db", "not a kind of database"),
        ("sqlite://", "in memory"),
        (":memory:", "in memory"),
        ("://", "not the address"),
        ("/proc/nothing/fleet.db", "cannot be created"),
        ("/", "is a directory"),
    ],
)
def test_an_address_that_cannot_be_meant(address: str, words: str) -> None:
    assert words in refusal(address)


def test_files_that_are_no_database_of_ours(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no database at all, but long enough to have a header\n" * 100)
    assert "is not an SQLite database" in refusal(str(text))
    assert text.read_text().startswith("no database")
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE host (name TEXT)")
    connection.close()
    assert "tables of another program" in refusal(str(other))


def test_a_newer_database_is_refused(address: str) -> None:
    with store.connect(address) as database, database.writing() as connection:
        connection.exec_driver_sql("UPDATE fleet_version SET version_num = '9999'")
    assert "newer fleet" in refusal(address)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    with store.connect(str(path)) as database:
        store.save(database, [well("a", sweep(database), NOON)])
    content = path.read_bytes()
    path.write_bytes(content[:4096] + os.urandom(len(content) - 4096))
    assert "is damaged" in refusal(str(path))


def test_a_locked_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fleet.db"
    store.connect(str(path)).close()
    monkeypatch.setattr(door, "BUSY_SECONDS", 0.1)
    holder = sqlite3.connect(path, isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        with store.connect(str(path)) as database:
            assert store.latest(database) == []
            with pytest.raises(StoreError, match="locked by another program"):
                sweep(database)
    finally:
        holder.close()


def test_a_full_volume_says_so(sqlite: store.Database) -> None:
    number = sweep(sqlite)
    with sqlite.writing() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 60").all()
        with pytest.raises(StoreError, match="no space is left"), sqlite.door():
            connection.exec_driver_sql("CREATE TABLE filler AS SELECT zeroblob(1000000) AS filler")
    store.save(sqlite, [well("a", number, NOON)])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_may_not_be_written(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    store.connect(str(path)).close()
    path.chmod(0o400)
    with store.connect(str(path)) as database, pytest.raises(StoreError, match="may not be written"):
        sweep(database)


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        message = refusal(f"postgresql://me:secret@127.0.0.1:{port}/fleet")
    assert "does not answer" in message
    assert "secret" not in message


def test_a_database_that_is_not_there(address: str) -> None:
    if address.startswith("postgresql"):
        assert "no such database" in refusal(address + "_missing")
