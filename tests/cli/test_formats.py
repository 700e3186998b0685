"""The forms of data that scripts rely on."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest

from fleet_collector import store
from fleet_collector.metrics import METRICS
from fleet_collector.snapshot import STEPS
from tests.cli import seeded
from tests.cli.conftest import Fleet
from tests.collector import hosts
from tests.collector.hosts import but

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
FINDING = {"rule", "step", "severity", "subject", "message", "evidence", "next"}

# Each command that shows data, with what its one kind of row is called in JSON.
DATA = {
    ("hosts",): "hosts",
    ("metrics",): "metrics",
    ("why",): "causes",
    ("diff",): "changes",
    ("trends",): "trends",
    ("history", "web1", "--changes"): "changes",
    ("history", "web1", "--metric", "load1"): "points",
    ("show", "db1"): "",
    ("show", "db9"): "",
    ("db", "stats"): "",
}
EACH = pytest.mark.parametrize(("words", "kind"), DATA.items(), ids=[" ".join(words) for words in DATA])


def every_time(document: Any) -> list[str]:
    """The values of all keys that tell a time, wherever they stand outside of a snapshot."""
    if isinstance(document, list):
        return [at for part in document for at in every_time(part)]
    if not isinstance(document, dict):
        return []
    inner = [
        at for key, part in document.items() if key not in {"snapshot", "evidence"} for at in every_time(part)
    ]
    names = {"at", "taken_at", "started_at", "finished_at", "scanned_at", "answered_at", "from", "to"}
    return inner + [value for key, value in document.items() if key in names and value is not None]


@EACH
def test_json_has_its_schema_and_iso_times(
    fleet: Fleet, database: Path, words: tuple[str, ...], kind: str
) -> None:
    said = fleet(*words, "--format", "json")
    assert said.err == ""
    document = said.json
    assert document["schema"] == 1
    if kind:
        assert isinstance(document[kind], list)
    for at in every_time(document):
        assert ISO.fullmatch(at), at
    assert "\x1b" not in said.out


@EACH
def test_a_line_of_ndjson_is_a_row_of_the_json(
    fleet: Fleet, database: Path, words: tuple[str, ...], kind: str
) -> None:
    whole = fleet(*words, "--format", "json").json
    lines = fleet(*words, "--format", "ndjson").ndjson
    if kind == "points":
        assert [{"at": line["at"], "value": line["value"]} for line in lines] == whole[kind]
    elif kind:
        assert lines == whole[kind]
    elif words[0] == "db":
        assert lines == [{key: value for key, value in whole.items() if key != "schema"}]
    else:
        assert lines == [whole]


@EACH
def test_csv_has_a_header_and_whole_rows(
    fleet: Fleet, database: Path, words: tuple[str, ...], kind: str
) -> None:
    rows = list(csv.reader(io.StringIO(fleet(*words, "--format", "csv").out)))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert all(re.fullmatch(r"[a-z_]+", name) for name in rows[0])
    if kind:
        assert len(rows) - 1 == len(fleet(*words, "--format", "ndjson").ndjson)


@EACH
def test_a_table_is_text_for_people_without_colour_in_a_pipe(
    fleet: Fleet, database: Path, words: tuple[str, ...], kind: str
) -> None:
    said = fleet(*words)
    assert said.out
    assert said.err == ""
    assert "\x1b" not in said.out


def test_a_host_and_its_findings_have_the_agreed_keys(fleet: Fleet, database: Path) -> None:
    document = fleet("show", "db1", "--format", "json").json
    assert (document["host"], document["status"], document["severity"]) == ("db1", "ok", "critical")
    assert document["error"] is None
    (finding,) = [finding for finding in document["findings"] if finding["severity"] == "critical"]
    assert set(finding) == FINDING
    assert finding["rule"].startswith("disk.")
    assert set(STEPS) <= set(document["snapshot"])
    for step in STEPS:
        assert {"status", "ms", "data"} <= set(document["snapshot"][step])


def test_a_host_without_an_answer_has_an_error_and_no_snapshot(fleet: Fleet, database: Path) -> None:
    document = fleet("show", "db9", "--format", "json").json
    assert (document["status"], document["severity"], document["snapshot"]) == ("failed", "unknown", None)
    assert set(document["error"]) == {"kind", "stage", "message", "hint"}


def test_a_cause_has_the_agreed_keys(fleet: Fleet, database: Path) -> None:
    document = fleet("why", "--format", "json").json
    assert set(document) == {"schema", "causes", "fine", "not_measured"}
    keys = {"rank", "rule", "severity", "hosts", "hosts_folded", "subject", "message", "evidence"}
    for rank, cause in enumerate(document["causes"], 1):
        assert cause["rank"] == rank
        assert keys | {"explains", "next"} <= set(cause)


def test_a_series_has_the_agreed_keys(fleet: Fleet, database: Path) -> None:
    document = fleet("history", "web1", "--metric", "disk_used_percent:/", "--format", "json").json
    assert (document["host"], document["metric"], document["label"]) == ("web1", "disk_used_percent", "/")
    assert document["unit"] == "percent"
    assert len(document["points"]) == 4
    assert "trend" in document


def test_all_metrics_are_listed_with_unit_and_meaning(fleet: Fleet) -> None:
    listed = fleet("metrics", "--format", "json").json["metrics"]
    assert [metric["metric"] for metric in listed] == list(METRICS)
    assert all(metric["unit"] and metric["meaning"] for metric in listed)
    table = fleet("metrics").out
    assert "disk_used_percent:MOUNT" in table
    assert all(name in table for name in METRICS)


def test_a_cell_of_a_csv_file_is_no_formula(fleet: Fleet, database: Path) -> None:
    with store.connect(str(database)) as opened:
        at = store.now_ms() / 1000
        seeded.sweep(opened, at, ("=cmd()", {}), ("@sum", seeded.REFUSED))
    names = [line.split(",")[0] for line in fleet("hosts", "--format", "csv").out.splitlines()]
    assert {"'=cmd()", "'@sum"} <= set(names)


def test_hosts_lists_the_silent_ones(fleet: Fleet, database: Path) -> None:
    every = fleet("hosts", "--format", "json").json["hosts"]
    assert {host["host"] for host in every} == {"web1", "web2", "db1", "db9"}
    unseen = fleet("hosts", "--unseen", "2", "--format", "json").json["hosts"]
    assert [(host["host"], host["answered_at"], host["failures_since"]) for host in unseen] == [
        ("db9", None, 1)
    ]
    assert "never" in fleet("hosts", "--unseen", "2").out
    assert fleet("hosts", "web*", "--unseen", "2", "--format", "ndjson").out == ""


def test_diff_names_what_changed_since_the_host_was_well(fleet: Fleet, database: Path) -> None:
    nginx, ssh = hosts.PORTS.listeners or []
    with store.connect(str(database)) as opened:
        moved = {"ports": but(hosts.PORTS, listeners=[but(nginx, port=8080), ssh])}
        seeded.sweep(opened, store.now_ms() / 1000, ("db1", seeded.warned() | moved))
    changes = fleet("diff", "db1", "--format", "json").json["changes"]
    assert {change["host"] for change in changes} == {"db1"}
    assert {"8080", "80"} <= {word for change in changes for word in re.findall(r"\d+", change["subject"])}
    page = fleet("diff", "db1").out
    assert "when it was last well" in page
    assert "nothing changed" in fleet("diff", "web1").out


def test_show_goes_back_in_time(fleet: Fleet, database: Path) -> None:
    assert fleet("show", "db1", "--format", "json").json["severity"] == "critical"
    assert fleet("show", "db1", "--at", "30m", "--format", "json").json["severity"] == "ok"


def test_stats_count_and_prune_says_what_it_did(fleet: Fleet, database: Path) -> None:
    stats = fleet("db", "stats", "--format", "json").json
    assert (stats["hosts"], stats["sweeps"], stats["scans"]) == (4, 4, 13)
    assert fleet("db", "prune").out == "0 scans thinned or removed, 0 samples with them\n"
