"""Exit codes, and what is said where."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from fleet_cli import exits
from fleet_collector import store
from tests.cli import seeded
from tests.cli.conftest import Fleet
from tests.program import FLEET, Program


@pytest.mark.parametrize(
    ("hosts", "code"),
    [
        ([("web1", {})], 0),
        ([("web1", {}), ("db9", seeded.REFUSED)], 3),
        ([("web1", seeded.warned()), ("db9", seeded.REFUSED)], 1),
        ([("web1", seeded.warned()), ("db1", seeded.full_disk()), ("db9", seeded.REFUSED)], 2),
    ],
)
def test_why_leaves_with_the_worst_severity(
    fleet: Fleet, program: Program, hosts: list[tuple[str, object]], code: int
) -> None:
    with store.connect(str(program.database)) as opened:
        seeded.sweep(opened, time.time(), *hosts)
    assert fleet("why").code == code
    assert fleet("why", "--exit-zero").code == 0
    said = fleet("why", "--quiet")
    assert said.code == code
    assert bool(said.out) == (code != 0)
    assert said.err == ""


@pytest.mark.parametrize(
    ("severities", "code"),
    [
        ([], 0),
        (["ok"], 0),
        (["ok", "unknown"], 3),
        (["unknown", "warning"], 1),
        (["warning", "critical", "unknown", "ok"], 2),
    ],
)
def test_critical_comes_before_warning_before_unknown_before_fine(severities: list[str], code: int) -> None:
    assert exits.of(severities) == code


def test_trends_of_a_level_fleet_are_fine(fleet: Fleet, database: Path) -> None:
    assert fleet("trends").code == 0
    quiet = fleet("trends", "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


WRONG = [
    (["scan"], "hosts"),
    (["scan", "no-such-file.txt", "web1"], "no-such-file.txt"),
    (["scan", "web1", "--format", "xml"], "xml"),
    (["scan", "web1", "--port", "70000"], "65535"),
    (["scan", "web[1-"], "web[1-"),
    (["scan", "web1", "--limit", "db*"], "db*"),
    (["scan", "web1", "--config", "nowhere.toml"], "nowhere.toml is not there"),
    (["scan", "web1", "--identity", "no-key"], "the private key no-key is not there"),
    (["scan", "web1", "--identity", "~nobody-at-all/key"], "~nobody-at-all/key is not there"),
    (["scan", "web[1-2]", "--local"], "not 2 hosts; give it one name or none"),
    (["scan", "web1", "--user", "a b"], "not a login name"),
    (["scan", "web1", "--ssh-config", "no-config"], "the ssh configuration no-config is not there"),
    (["skan"], "skan"),
    (["show"], "HOST"),
    (["show", "web9"], "did you mean web"),
    (["show", "web*"], "names 2 hosts"),
    (["show", "web1", "--at", "yesterday"], "write 12h, 30d"),
    (["show", "web1", "--at", "2001-01-01"], "was not scanned before that time"),
    (["why", "webb1"], "did you mean web1"),
    (["hosts", "nobody"], "never scanned"),
    (["hosts", "--unseen", "-1"], "--unseen"),
    (["history", "web1", "--metric", "time_wiat"], "did you mean time_wait"),
    (["history", "web1", "--metric", "disk_used_percent:/vra"], "/"),
    (["history", "nobody"], "never scanned"),
    (["history", "web1", "--since", "soon"], "write 12h, 30d"),
    (["history", "web1", "--changes", "-m", "load1"], "--changes shows no numbers"),
    (["history", "web1", "--plot", "--format", "json"], "--plot is for a person"),
    (["trends", "--metric", "cpu_per_cent"], "did you mean cpu_percent"),
    (["diff", "web9"], "did you mean"),
    (["diff", "web1", "--from", "never"], "write 12h, 30d"),
    (["watch", "web1", "--every", "1"], "write 10s, 5m or 2h"),
    (["schedule", "web1", "--at", "25:00"], "write 02:10"),
    (["schedule", "-"], "name a file"),
    (["db"], "upgrade"),
    (["db", "stats", "--db", "mysql://x/y"], "postgresql://"),
    (["config", "show", "--config", "nowhere.toml"], "is not there"),
]


@pytest.mark.parametrize(("words", "named"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_wrong_usage_is_64_and_one_sentence_on_standard_error(
    fleet: Fleet, database: Path, words: list[str], named: str
) -> None:
    said = fleet(*words)
    assert said.code == 64, said
    assert named in said.err
    assert said.out == ""


READING = (
    ("show", "web1"),
    ("history", "web1"),
    ("why",),
    ("hosts",),
    ("trends",),
    ("diff",),
    ("db", "stats"),
    ("db", "prune"),
)


def test_before_the_first_scan_every_command_says_what_to_do(fleet: Fleet) -> None:
    for words in READING:
        said = fleet(*words)
        assert (said.code, said.out) == (64, "")
        assert said.err == "fleet: no host was scanned yet: fleet scan hosts.txt\n"


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_who_reads_makes_no_database_of_a_mistyped_name(
    fleet: Fleet, tmp_path: Path, words: tuple[str, ...]
) -> None:
    path = tmp_path / "no" / "typo.db"
    said = fleet(*words, "--db", str(path))
    assert (said.code, said.out) == (64, "")
    assert said.err == f"fleet: there is no database {path}; correct --db, or make it with a scan\n"
    assert not path.parent.exists()


def test_a_database_without_a_host(fleet: Fleet) -> None:
    assert fleet("db", "upgrade").code == 0
    assert fleet("show", "web1").err == "fleet: no host was scanned yet: fleet scan hosts.txt\n"
    for words in (["why"], ["hosts"], ["trends"], ["diff"], ["db", "stats"]):
        assert fleet(*words).code == 0


def test_nothing_is_called_well_where_nothing_was_scanned(fleet: Fleet) -> None:
    fleet("db", "upgrade")
    assert fleet("why").out.strip() == "no host was scanned by then: fleet scan hosts.txt"


def test_a_fault_of_fleet_itself_is_70_and_says_how_to_see_it(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object) -> None:
        raise ZeroDivisionError("nothing by nothing")

    monkeypatch.setattr("fleet_cli.settings.load", fault)
    said = fleet("hosts")
    assert (said.code, said.out) == (70, "")
    assert said.err.count("\n") == 1
    assert "a fault of fleet itself (FLEET_DEBUG=1 shows where): ZeroDivisionError" in said.err
    monkeypatch.setenv("FLEET_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        fleet("hosts")


def test_a_full_output_is_named(program: Program) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [FLEET, "metrics"],
            env=program.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 70
    assert done.stderr == "fleet: what was to be written cannot be: No space left on device\n"


def test_a_request_to_end_is_heard_from_the_start(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(*_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("fleet_cli.settings.load", told)
    said = fleet("hosts")
    assert (said.code, said.err) == (130, "fleet: interrupted\n")


def test_interrupted_is_130(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fleet_cli.settings.load", interrupt)
    said = fleet("hosts")
    assert (said.code, said.out) == (130, "")


def test_text_that_is_no_database_is_refused_and_left_as_it_is(fleet: Fleet, home: Path) -> None:
    notes = home / "notes.txt"
    notes.write_text("not a database, but somebody's notes\n" * 20)
    said = fleet("hosts", "--db", str(notes))
    assert said.code == 70
    assert "is not an SQLite database" in said.err
    assert notes.read_text().startswith("not a database")


@pytest.mark.parametrize(
    ("address", "named"),
    [
        (".", "is a directory"),
        ("/proc/nowhere/fleet.db", "cannot be created"),
        ("postgresql://fleet@127.0.0.1:1/fleet", "does not answer"),
    ],
)
def test_a_database_that_cannot_be_had_is_70(fleet: Fleet, address: str, named: str) -> None:
    said = fleet("db", "upgrade", "--db", address)
    assert (said.code, said.out) == (70, "")
    assert named in said.err
    assert said.err.count("\n") == 1


def test_a_database_in_the_home_directory(fleet: Fleet, home: Path) -> None:
    (home / "fleet.toml").write_text('database = "~/kept/fleet.db"')
    said = fleet("db", "upgrade", "--config", str(home / "fleet.toml"))
    assert (said.code, said.out) == (0, f"{home}/kept/fleet.db is up to date\n")


def test_a_newer_database_is_left_alone(fleet: Fleet, database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE fleet_version SET version_num = '9999'")
    connection.close()
    said = fleet("hosts")
    assert said.code == 70
    assert "newer" in said.err


def test_a_locked_database_says_so(fleet: Fleet, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet_collector.store.database.BUSY_SECONDS", 0.1)
    holder = sqlite3.connect(database, isolation_level=None)
    try:
        holder.execute("BEGIN EXCLUSIVE")
        said = fleet("db", "prune")
    finally:
        holder.close()
    assert said.code == 70
    assert "locked by another program" in said.err


def test_the_database_is_named_by_option_then_environment_then_settings(
    fleet: Fleet, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "fleet.toml").write_text('database = "settings.db"\n')
    assert fleet("db", "upgrade").out == "settings.db is up to date\n"
    monkeypatch.setenv("FLEET_DB", "environment.db")
    assert fleet("db", "upgrade").out == "environment.db is up to date\n"
    assert fleet("db", "upgrade", "--db", "option.db").out == "option.db is up to date\n"
    (home / "other.toml").write_text('database = "other.db"\n')
    monkeypatch.delenv("FLEET_DB")
    monkeypatch.setenv("FLEET_CONFIG", "other.toml")
    assert fleet("db", "upgrade").out == "other.db is up to date\n"
    assert {path.name for path in home.glob("*.db")} == {
        "settings.db",
        "environment.db",
        "option.db",
        "other.db",
    }
