"""The nightly scan: what stands in the crontab and in systemd's units, and that it is put there."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from platformdirs import user_data_path

from fleet_cli import scheduling
from fleet_collector.errors import FleetError, UsageError
from tests.cli.conftest import Fleet
from tests.program import FLEET, Program

COMMAND = ["/opt/fleet", "scan", "/etc/fleet/hosts of the shop.txt", "db[1-3]", "--quiet"]

Stub = Callable[[str, str], Path]


@pytest.fixture
def stub(home: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    """Put a program of this name before all others; ``$HERE`` is its directory."""
    directory = home / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")

    def put(name: str, script: str) -> Path:
        path = directory / name
        path.write_text(f"#!/bin/sh\nHERE={directory}\n{script}\n")
        path.chmod(0o755)
        return directory

    return put


CRONTAB = """\
case $1 in
-l) cat "$HERE/table" 2>/dev/null || { echo "no crontab for you" >&2; exit 1; } ;;
-) cat > "$HERE/table.new" && mv "$HERE/table.new" "$HERE/table" ;;
esac
"""


def test_a_line_of_the_crontab_is_quoted_for_cron() -> None:
    line = scheduling.crontab_line(["/opt/fleet", "scan", "50%.txt", "a b"], "2:05")
    assert line == r"5 2 * * * /opt/fleet scan 50\%.txt 'a b' # fleet: nightly scan"


@pytest.mark.parametrize("text", ["24:00", "12:60", "noon", "1200", "-1:00", ""])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write 02:10"):
        scheduling.clock(text)


def test_the_units_are_quoted_for_systemd_and_forgive_findings() -> None:
    units = scheduling.systemd_units([*COMMAND, "100%", "$HOME", 'a"b'], "02:10")
    service, timer = units["fleet-scan.service"], units["fleet-scan.timer"]
    assert '"/etc/fleet/hosts of the shop.txt" db[1-3] --quiet 100%% $$HOME "a\\"b"\n' in service
    assert "SuccessExitStatus=1 2 3\n" in service
    assert "OnCalendar=*-*-* 02:10:00\n" in timer
    assert "Persistent=true\n" in timer


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_finds_no_fault_in_the_units(home: Path) -> None:
    command = ["/bin/true", *COMMAND[1:], "100%", "$HOME", 'a"b']
    paths = []
    for name, text in scheduling.systemd_units(command, "02:10").items():
        paths.append(home / name)
        paths[-1].write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_install_adds_one_line_and_keeps_the_others(fleet: Fleet, stub: Stub, home: Path) -> None:
    (home / "hosts.txt").write_text("web1\n")
    table = stub("crontab", CRONTAB) / "table"
    table.write_text("0 * * * * /usr/bin/backup\n")
    for at in ("02:10", "03:45"):
        said = fleet("schedule", "hosts.txt", "--at", at, "--with", "cron", "--install", "--db", "night.db")
        assert (said.code, said.err) == (0, "")
    backup, scan = table.read_text().splitlines()
    assert backup == "0 * * * * /usr/bin/backup"
    assert scan.startswith("45 3 * * * ")
    assert f"scan {home}/hosts.txt --quiet --wait --db {home}/night.db" in scan


def test_what_is_relative_here_is_absolute_at_night(fleet: Fleet, home: Path) -> None:
    (home / "hosts.txt").write_text("web1\n")
    (home / "fleet.toml").write_text('database = "fleet.db"\n')
    line = fleet("schedule", "hosts.txt", "--with", "cron").out
    assert f"--db {home}/fleet.db --config {home}/fleet.toml" in line
    elsewhere = fleet("schedule", "hosts.txt", "--with", "cron", "--db", "postgresql://fleet@db/fleet").out
    assert "--db postgresql://fleet@db/fleet " in elsewhere
    (home / "fleet.toml").write_text('database = "postgresql://fleet:secret@db/fleet"\n')
    private = fleet("schedule", "hosts.txt", "--with", "cron").out
    assert "secret" not in private
    assert f"--config {home}/fleet.toml" in private


def test_the_database_is_named_even_where_it_is_the_usual_one(fleet: Fleet, home: Path) -> None:
    (home / "hosts.txt").write_text("web1\n")
    line = fleet("schedule", "hosts.txt", "--with", "cron").out
    assert f"--db {user_data_path('fleet')}/fleet.db " in line


def test_the_line_of_the_crontab_runs(program: Program, stub: Stub) -> None:
    (program.home / "hosts.txt").write_text("127.0.0.1:1\n")
    line = program("schedule", "hosts.txt", "--with", "cron").out
    command = line.split(None, 5)[5]
    assert command.startswith(FLEET)
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env=program.environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "NO ANSWER" in done.stdout


def test_install_writes_units_and_starts_the_timer(stub: Stub, home: Path) -> None:
    asked = stub("systemctl", 'echo "$@" >> "$HERE/asked"') / "asked"
    units = scheduling.systemd_units(COMMAND, "02:10")
    scheduling.install_systemd(units, home / "units", user=True)
    assert {path.name: path.read_text() for path in (home / "units").iterdir()} == units
    assert asked.read_text().splitlines() == [
        "--user daemon-reload",
        "--user enable --now fleet-scan.timer",
    ]


def test_what_cannot_be_installed_says_why(stub: Stub, home: Path) -> None:
    stub("systemctl", 'echo "Failed to connect to bus" >&2; exit 1')
    with pytest.raises(FleetError, match="systemctl daemon-reload` failed: Failed to connect to bus"):
        scheduling.install_systemd({}, home / "units", user=False)
    with pytest.raises(FleetError, match=r"units/fleet\.timer are written, but the timer does not run"):
        scheduling.install_systemd({"fleet.timer": ""}, home / "units", user=False)
    (home / "file").write_text("")
    with pytest.raises(FleetError, match="cannot be written"):
        scheduling.install_systemd({"x": ""}, home / "file", user=False)


def test_a_crontab_that_cannot_be_read_is_not_overwritten(stub: Stub) -> None:
    table = stub("crontab", 'case $1 in -l) echo "you may not" >&2; exit 1 ;; *) cat > "$HERE/table" ;; esac')
    with pytest.raises(FleetError, match="you may not"):
        scheduling.install_crontab("x")
    assert not (table / "table").exists()


@pytest.mark.parametrize(("said", "lingering"), [("echo no", False), ("echo yes", True), ("exit 1", True)])
def test_whether_a_timer_of_ones_own_runs_at_night(stub: Stub, said: str, *, lingering: bool) -> None:
    stub("loginctl", said)
    assert scheduling.lingers() is lingering


def test_without_install_nothing_is_written(fleet: Fleet, stub: Stub, home: Path) -> None:
    touched = stub("systemctl", 'touch "$HERE/touched"') / "touched"
    stub("crontab", 'touch "$HERE/touched"')
    (home / "hosts.txt").write_text("web1\n")
    units = fleet("schedule", "hosts.txt", "--with", "systemd")
    assert "[Timer]" in units.out
    assert f"scan {home}/hosts.txt --quiet" in units.out
    assert "# fleet: nightly scan" in fleet("schedule", "hosts.txt", "--with", "cron").out
    assert not touched.exists()


def test_a_list_that_cannot_be_read_is_found_out_now(fleet: Fleet, home: Path) -> None:
    (home / "hosts.txt").write_text("web1\nweb2 three words\n")
    said = fleet("schedule", "hosts.txt", "--with", "cron")
    assert (said.code, said.out) == (64, "")
    assert "hosts.txt:2" in said.err
