"""``fleet history`` as a person and as a script sees it."""

from __future__ import annotations

import csv
import io
import math
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fleet_cli.histories import GLANCE
from fleet_collector import store
from fleet_collector.metrics import METRICS
from fleet_collector.wording import day, moment
from tests.cli import seeded
from tests.cli.conftest import Fleet
from tests.collector import hosts
from tests.collector.nights import DAY_MS, GIB, Host, keep, level, line, volume
from tests.collector.store.records import points
from tests.program import Program


@pytest.fixture
def nights(program: Program) -> Path:
    """Forty nights of three hosts up to an hour ago."""
    last = time.time_ns() // 1_000_000 - 3_600_000
    machines: dict[str, Host] = {
        "web1": {
            **volume("/", line(40 * GIB, GIB, 0.1)),
            **volume("/var", level(GIB)),
            ("time_wait", ""): level(300),
        },
        "web2": {**volume("/", level(10 * GIB)), ("time_wait", ""): level(100)},
        "odd": {("load1", ""): level(1.0)},
    }
    with store.connect(str(program.database)) as opened:
        keep(opened, machines, last=last)
    return program.database


@pytest.mark.usefixtures("nights")
def test_one_number_with_sparkline_trend_and_last_points(fleet: Fleet) -> None:
    head, spark, amounts, trend, *rows = fleet("history", "web1", "-m", "disk_used_bytes:/").out.splitlines()
    assert head == "web1  disk_used_bytes:/  space in use"
    assert spark.split()[0][0] == "▁"
    assert spark.split()[0][-1] == "█"
    assert "40 points" in spark
    assert amounts == "  now 79 GiB, lowest 40 GiB, median 60 GiB, highest 79 GiB"
    assert trend.startswith("  trend: +1.0 GiB a day, 99.9 % sure; its limit of 100 GiB in ")
    assert len([row for row in rows if "GiB" in row]) == 10


@pytest.mark.usefixtures("nights")
def test_the_document_of_one_series(fleet: Fleet) -> None:
    document = fleet("history", "web1", "--metric", "disk_used_bytes:/", "--format", "json").json
    assert list(document) == ["schema", "host", "metric", "label", "unit", "points", "trend"]
    assert (document["schema"], document["host"], document["label"]) == (1, "web1", "/")
    assert (document["unit"], document["trend"]["limit"]) == ("bytes", 100 * GIB)
    assert len(document["points"]) == 40
    assert document["points"][0]["at"] < document["points"][-1]["at"]
    assert document["points"][0]["at"].endswith("Z")
    assert document["trend"]["trending"] is True
    assert document["trend"]["since"].endswith("Z")
    assert all(at.endswith("Z") for at in document["trend"]["line_at"])
    assert document["trend"]["eta_low"] <= document["trend"]["eta_days"] <= document["trend"]["eta_high"]


@pytest.mark.usefixtures("nights")
def test_several_series(fleet: Fleet) -> None:
    document = fleet(
        "history", "web[1-2]", "-m", "disk_used_bytes", "-m", "time_wait", "--format", "json"
    ).json
    assert [(one["host"], one["metric"], one["label"]) for one in document["series"]] == [
        ("web1", "disk_used_bytes", "/"),
        ("web1", "disk_used_bytes", "/var"),
        ("web2", "disk_used_bytes", "/"),
        ("web1", "time_wait", ""),
        ("web2", "time_wait", ""),
    ]
    lines = fleet("history", "web1", "web2", "-m", "disk_used_bytes", "-m", "time_wait").out.splitlines()
    assert len(lines) == 6
    assert lines[0].split()[:3] == ["HOST", "METRIC", "NOW"]


@pytest.mark.usefixtures("nights")
def test_points_as_rows(fleet: Fleet) -> None:
    words = ("history", "web1", "-m", "time_wait")
    rows = list(csv.DictReader(io.StringIO(fleet(*words, "--format", "csv").out)))
    assert len(rows) == 40
    assert set(rows[0]) == {"host", "metric", "label", "unit", "at", "value"}
    objects = fleet(*words, "--format", "ndjson").ndjson
    assert [str(one["value"]) for one in objects] == [row["value"] for row in rows]
    assert all(math.isfinite(one["value"]) for one in objects)


@pytest.mark.usefixtures("nights")
def test_a_window_of_time(fleet: Fleet) -> None:
    def count(*words: str) -> int:
        document = fleet("history", "web1", "-m", "time_wait", "--format", "json", *words).json
        return len(document["points"])

    assert count() == 40
    assert count("--since", "10d") == 10
    assert count("--until", "10d") == 30
    assert count("--since", "10d", "--until", "5d") == 5
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 2 * 86400))
    assert count("--since", day) in {2, 3}
    assert fleet("history", "web1", "--since", "1h").out.strip() == "nothing was measured in that time"


def test_what_was_last_measured_long_ago_is_not_now(fleet: Fleet, program: Program) -> None:
    last = time.time() - 20 * 86400
    with store.connect(str(program.database)) as opened:
        keep(opened, {"gone": volume("/", line(50 * GIB, GIB, 0.1))}, last=round(last * 1000))
    words = ("history", "gone", "-m", "disk_used_bytes")
    out = fleet(*words).out
    assert " now " not in out
    assert f"  on {moment(last)} 89 GiB, " in out
    assert f"trend: not measured since {day(last)}; until then +1.0 GiB a day" in out
    assert "its limit" not in out
    assert f"not measured since {day(last)}" in fleet(*words, "--plot").out


@pytest.mark.usefixtures("nights")
def test_looking_back_tells_what_was_so_then(fleet: Fleet, program: Program) -> None:
    then = time.time() - 10 * 86400
    with store.connect(str(program.database)) as opened:
        keep(
            opened,
            {"grown": volume("/", line(40 * GIB, GIB, 0.1), 80 * GIB)},
            30,
            last=round((then - 3600) * 1000),
        )
        keep(opened, {"grown": volume("/", level(70 * GIB), 500 * GIB)}, 5)
    out = fleet("history", "grown", "-m", "disk_used_bytes", "--until", "10d").out
    assert "its limit of 80 GiB in " in out
    assert "now 69 GiB" in out


@pytest.mark.usefixtures("nights")
@pytest.mark.parametrize("width", [80, 140])
def test_a_plot_has_the_points_the_trend_and_the_limit(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr("fleet_cli.render.terminal.PIPE_WIDTH", width)
    out = fleet("history", "web1", "-m", "disk_used_bytes:/", "--plot").out
    lines = out.splitlines()
    assert max(map(len, lines)) <= width
    assert "web1  disk_used_bytes:/  GiB" in lines[0]
    assert "trend: +1.0 GiB a day" in out
    assert "limit 100 GiB" in out
    limit = next(place for place, line in enumerate(lines) if "----------" in line)
    first = next(place for place, line in enumerate(lines) if line.rstrip(" │").endswith("•"))
    assert limit < first


@pytest.mark.usefixtures("nights")
def test_a_limit_far_away_does_not_flatten_the_plot(fleet: Fleet) -> None:
    out = fleet("history", "web2", "-m", "disk_used_bytes:/", "--plot").out
    assert "measured" in out
    assert "limit" not in out


@pytest.mark.usefixtures("nights")
def test_a_plot_of_one_point_and_of_none(fleet: Fleet) -> None:
    assert "measured" in fleet("history", "odd", "-m", "load1", "--plot", "--since", "25h").out
    assert fleet("history", "odd", "-m", "load1", "--plot", "--since", "1m").code == 0


@pytest.mark.usefixtures("nights")
def test_unknown_words_are_answered_with_the_nearest(fleet: Fleet) -> None:
    for words, near in (
        (("wbe1",), "'wbe1' was never scanned; did you mean web"),
        (("web1", "-m", "time_wiat"), "there is no metric 'time_wiat'; did you mean time_wait"),
        (
            ("web1", "-m", "disk_used_bytes:/vra"),
            "there is no mount of disk_used_bytes '/vra'; did you mean /var",
        ),
        (("web1", "-m", "time_wait:x"), "time_wait is one number of a host"),
        (("web1", "--since", "2d", "--until", "3d"), "--since 2d is not before --until 3d"),
        (("web1", "-m", "load1"), "load1 was not measured on web1"),
        (("web1", "--until", "x"), "'x' is no time"),
    ):
        said = fleet("history", *words)
        assert (said.code, said.out) == (64, "")
        assert near in said.err


def test_an_empty_database_says_what_to_do(fleet: Fleet) -> None:
    said = fleet("history", "web1")
    assert (said.code, said.out) == (64, "")
    assert "fleet scan" in said.err


@pytest.mark.usefixtures("database")
def test_changes_tell_what_began_and_what_failed(fleet: Fleet) -> None:
    rows = fleet("history", "db1", "web2", "--changes", "--format", "json").json["changes"]
    began = {
        (row["host"], row["subject"]) for row in rows if row["kind"] == "finding" and row["before"] is None
    }
    assert {("db1", "disk.space"), ("web2", "memory.available")} <= began
    assert all(list(row) == ["host", "at", "kind", "subject", "before", "after"] for row in rows)
    failed = fleet("history", "db9", "--changes")
    assert seeded.REFUSED.message in failed.out
    assert fleet("history", "web1", "--changes").out.strip() == "nothing changed in that time"


def test_the_glance_is_of_metrics_that_are() -> None:
    assert set(GLANCE) <= set(METRICS)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns"])
def test_the_zone_of_the_collector_does_not_matter(
    fleet: Fleet, nights: Path, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        told = fleet("history", "web1", "-m", "time_wait", "--format", "json").json["points"][-1]["at"]
        with store.connect(str(nights)) as opened:
            newest = points(opened, store.series(opened, ["web1"], ["time_wait"])[0].id)[0][-1]
        assert told[:19] == time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(newest / 1000))
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_sample_of_the_future_is_not_the_latest(fleet: Fleet, program: Program) -> None:
    last = time.time_ns() // 1_000_000 - 3_600_000
    with store.connect(str(program.database)) as opened:
        keep(opened, {"web1": volume("/", line(40 * GIB, GIB, 0.1))}, last=last)
        keep(opened, {"web1": volume("/", level(GIB))}, 1, last=last + 400 * DAY_MS)
    assert "now 79 GiB, " in fleet("history", "web1", "-m", "disk_used_bytes").out
    assert re.search(r"disk / .* web1 +79/100 GiB", fleet("trends").out)


def test_a_host_whose_clock_jumps_has_a_history_in_order(fleet: Fleet, program: Program) -> None:
    now = time.time()
    with store.connect(str(program.database)) as opened:
        for night, wrong in ((3, 0.0), (2, -9e8), (1, 5e8)):
            at = now - night * seeded.NIGHT
            number = store.begin_sweep(opened, asked="x", hosts=["web1"])
            record = seeded.answered("web1", number, at)
            jumped = hosts.snapshot(at + wrong)
            store.finish_sweep(opened, number)
            store.save(opened, [replace(record, snapshot=jumped, clock_offset_seconds=wrong)])
    points = fleet("history", "web1", "-m", "load1", "--format", "json").json["points"]
    assert [one["at"][:10] for one in points] == [
        time.strftime("%Y-%m-%d", time.gmtime(now - night * seeded.NIGHT)) for night in (3, 2, 1)
    ]
    assert fleet("history", "web1", "--changes").code == 0
