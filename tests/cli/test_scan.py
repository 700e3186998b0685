"""``scan`` and ``watch`` of hosts that cannot be reached, and what the small commands print."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.agent import interpreters
from tests.cli.conftest import Fleet
from tests.program import Program

CLOSED = "127.0.0.1:1"


def test_the_sum_of_a_scan_is_that_of_its_hosts(fleet: Fleet) -> None:
    document = fleet("scan", CLOSED, "127.0.0.2:1", "--format", "json").json
    assert document["schema"] == 1
    sweep = document["sweep"]
    assert set(sweep) == {"id", "started_at", "finished_at", "hosts", "ok", "partial", "failed"}
    assert (sweep["hosts"], sweep["failed"]) == (2, 2)
    for host in document["hosts"]:
        assert set(host) == {"host", "status", "severity", "taken_at", "duration_ms", "error", "findings"}
        assert (host["status"], host["severity"], host["error"]["kind"]) == ("failed", "unknown", "refused")


@pytest.mark.parametrize("format_", ["table", "json", "ndjson", "csv"])
def test_an_unanswered_scan_leaves_with_3_in_every_form(fleet: Fleet, format_: str) -> None:
    said = fleet("scan", CLOSED, "--format", format_)
    assert (said.code, said.err) == (3, "")
    assert "refused the connection" in said.out
    assert fleet("scan", CLOSED, "--format", format_, "--exit-zero").code == 0


def test_hosts_come_from_standard_input(program: Program) -> None:
    said = program("scan", "-", "--format", "ndjson", "--exit-zero", stdin=f"{CLOSED}\n# done\n")
    assert [host["host"] for host in said.ndjson] == ["127.0.0.1"]
    refused = program("scan", "-", stdin="two words here\n")
    assert refused.code == 64
    assert ":1" in refused.err


def test_a_limit_of_the_settings_holds(fleet: Fleet, home: Path) -> None:
    (home / "fleet.toml").write_text("[limits]\ntotal_secnds = 3\n")
    said = fleet("scan", CLOSED)
    assert said.code == 64
    assert "did you mean 'total_seconds'" in said.err


def test_watch_ends_with_its_time_and_tells_only_what_is_new(fleet: Fleet) -> None:
    said = fleet("watch", CLOSED, "--every", "1s", "--for", "2s")
    assert said.code == 3
    assert said.out.count("1 without an answer") == 2
    assert said.out.count("refused the connection") == 1


def test_the_agent_that_is_shown_is_the_one_that_is_sent(fleet: Fleet) -> None:
    from fleet_cli.asking import rules_of
    from fleet_cli.settings import Settings
    from fleet_collector import bundle

    request = rules_of(Settings())(()).request
    shown = fleet("agent", "show").out
    assert shown.replace(_nonce(shown), request.nonce) == bundle.program(request)


def _nonce(program: str) -> str:
    return program.rpartition("'nonce': '")[2].partition("'")[0]


@pytest.mark.parametrize("python", interpreters.found())
def test_the_agent_that_is_shown_compiles_everywhere(fleet: Fleet, python: str) -> None:
    code = "import sys; compile(sys.stdin.read(), 'agent', 'exec')"
    shown = fleet("agent", "show").out
    subprocess.run([python, "-I", "-S", "-c", code], input=shown, text=True, check=True, timeout=60)


def test_settings_in_force_are_a_settings_file(fleet: Fleet, home: Path) -> None:
    (home / "mine.toml").write_text('[group.web.expect]\nports = ["443=nginx"]\n')
    shown = fleet("config", "show", "--config", "mine.toml").out
    assert "# from mine.toml" in shown
    assert tomllib.loads(shown)["group"]["web"]["expect"]["ports"] == ["443=nginx"]
    (home / "again.toml").write_text(shown)
    again = fleet("config", "show", "--config", "again.toml").out
    assert again.replace("again.toml", "mine.toml") == shown
