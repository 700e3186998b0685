"""``fleet trends`` as a person and as a script sees it."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from fleet_collector import store
from fleet_collector.metrics import Sample
from fleet_collector.record import Record
from tests.cli.conftest import Fleet
from tests.collector.nights import DAY_MS, GIB, Host, keep, level, line, volume
from tests.collector.store.records import points
from tests.program import Program

CREEPING: dict[str, Host] = {
    "db1": {**volume("/", line(10 * GIB, 2 * GIB, 0.1)), ("time_wait", ""): level(300)},
    "app1": {
        ("close_wait", ""): line(10, 5, 0.2),
        ("open_files", ""): lambda n: 1000.0 + n % 3 + 400 * (n > 20),
    },
    **{f"web{n}": {("mem_available_bytes", ""): line(8 * GIB, -GIB / 16, 0.1, n)} for n in range(1, 6)},
}


@pytest.fixture
def nights(program: Program) -> Path:
    """Forty nights up to an hour ago."""
    last = time.time_ns() // 1_000_000 - 3_600_000
    with store.connect(str(program.database)) as opened:
        keep(opened, CREEPING, last=last)
    return program.database


@pytest.mark.usefixtures("nights")
def test_the_page(fleet: Fleet) -> None:
    said = fleet("trends")
    assert said.code == 1
    head, _, titles, *rows = said.out.splitlines()
    assert head.startswith("60 days to ")
    assert "7 hosts, 9 series: 7 rising, 2 level" in head
    assert re.split(" {2,}", titles.strip()) == [
        *("RISING", "FULL IN", "HOST", "NOW", "A DAY (90 %)", "SURE", "SINCE")
    ]
    assert rows[0].startswith("disk /")
    assert re.search(r" 6 d \(5-[67] d\) ", rows[0])
    assert "88/100 GiB" in rows[0]
    assert rows[1].startswith("memory left")
    assert "web[1-5] (5 hosts)" in rows[1]
    assert re.split(" {2,}", rows[2])[:3] == ["CLOSE_WAIT", "no limit", "app1"]
    seen = "40 samples over 39 days; against it nothing that is 0.1 % likely."
    assert rows[4] == f"Why disk / on db1: steady growth, {seen}"
    assert re.fullmatch(rf"Why memory left on web\d: steady fall, {re.escape(seen)}", rows[5])
    assert rows[6] == f"Why CLOSE_WAIT on app1: steady growth, {seen}"
    assert rows[-1] == "Not listed: 1 one-off step."


@pytest.mark.usefixtures("nights")
def test_a_narrow_terminal_shows_the_least(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet_cli.render.terminal.PIPE_WIDTH", 80)
    lines = fleet("trends").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith(("disk /", "memory left", "CLOSE_WAIT")) for line in lines) == 3
    assert not any("(90 %)" in line for line in lines)


@pytest.mark.usefixtures("nights")
def test_for_scripts(fleet: Fleet) -> None:
    document = fleet("trends", "--format", "json").json
    assert document["schema"] == 1
    first = document["trends"][0]
    assert list(first) == [
        *("host", "metric", "label", "unit", "current", "slope_per_day", "confidence", "limit"),
        *("eta_days", "eta_low", "eta_high", "severity", "message"),
    ]
    assert (first["host"], first["severity"], first["limit"]) == ("db1", "warning", 100 * GIB)
    assert first["eta_low"] <= first["eta_days"] <= first["eta_high"]
    assert first["message"].startswith(
        "disk_used_bytes:/ +2.0 GiB a day, 99.9 % sure; its limit of 100 GiB in "
    )
    assert fleet("trends", "--format", "ndjson").ndjson == document["trends"]
    rows = list(csv.DictReader(io.StringIO(fleet("trends", "--format", "csv").out)))
    assert [row["host"] for row in rows] == [one["host"] for one in document["trends"]]


@pytest.mark.usefixtures("nights")
def test_hosts_metrics_and_times_narrow_it_down(fleet: Fleet) -> None:
    def hosts(*words: str) -> list[str]:
        return [one["host"] for one in fleet("trends", *words, "--format", "json").json["trends"]]

    assert sorted(hosts("web[1-2]")) == ["web1", "web2"]
    assert hosts("-m", "close_wait") == ["app1"]
    assert hosts("-m", "close_wait", "-m", "disk_used_bytes") == ["db1", "app1"]
    assert hosts("-m", "disk_used_bytes:/") == ["db1"]
    assert hosts("db1", "--since", "5d") == []
    assert hosts("db1", "--until", "35d") == []


@pytest.mark.usefixtures("nights")
def test_unknown_words_are_answered_with_the_nearest(fleet: Fleet) -> None:
    for words, near in (
        (("web9",), "'web9' was never scanned; did you mean web"),
        (("-m", "disk_used"), "did you mean disk_used_"),
        (("-m", "disk_used_bytes:/vra"), "there is no mount of disk_used_bytes '/vra'"),
        (("web1", "-m", "disk_used_bytes:/"), "disk_used_bytes was not measured on web1"),
        (("-m", "log_bytes:/x"), "log_bytes was not measured on any host"),
        (("-m", "uptime_seconds"), "uptime_seconds is a number that leads nowhere bad"),
        (("--explain", "db1", "disk_used_bytes", "-o", "json"), "--explain is for a person"),
        (("--explain", "web*", "mem_available_bytes"), "'web*' names 5 hosts; --explain is of one"),
        (("--explain", "db1"), "--explain wants a host and a metric"),
        (("--since", "soon"), "is no time: write 12h, 30d"),
    ):
        said = fleet("trends", *words)
        assert (said.code, said.out) == (64, "")
        assert near in said.err


@pytest.mark.usefixtures("nights")
def test_explain_takes_the_metric_as_an_option_too(fleet: Fleet) -> None:
    asked = fleet("trends", "--explain", "db1", "-m", "disk_used_bytes:/").out
    assert asked == fleet("trends", "--explain", "db1", "disk_used_bytes:/").out


def test_explain_says_why_there_is_nothing_to_explain(fleet: Fleet, program: Program) -> None:
    stored(program, {"web1": {("uptime_seconds", ""): line(0, 86400), ("threads", ""): level(100)}})
    for words, said in (
        (("uptime_seconds",), "trend: not looked for in a number of this kind"),
        (("threads", "--since", "1s"), "nothing was measured in that time"),
        (("threads", "--since", "12h"), "1 sample is too few"),
    ):
        assert said in fleet("trends", "--explain", "web1", *words).out


@pytest.mark.usefixtures("nights")
def test_explain_shows_the_fit_and_the_rival(fleet: Fleet) -> None:
    said = fleet("trends", "--explain", "db1", "disk_used_bytes:/")
    assert said.code == 0
    rows = {line[:17].strip(): line[17:].strip() for line in said.out.splitlines()[1:]}
    assert set(rows) >= {"measured", "explained", "verdict", "likeliest", "rival", "steps (S)", "resets (R)"}
    assert rows["likeliest"] == "steady growth"
    assert rows["rival"] == "nothing that is 0.1 % likely"
    assert rows["measured"][0] == "▁"
    assert rows["measured"][-1] == "█"
    assert rows["verdict"].startswith("+2.0 GiB a day, 99.9 % sure; its limit of 100 GiB in ")
    assert rows["could have shown"].endswith("a day and more")


@pytest.mark.usefixtures("nights")
def test_quiet_and_exit_zero(fleet: Fleet) -> None:
    quiet = fleet("trends", "--quiet")
    assert quiet.out.startswith("RISING")
    assert "Not listed" not in quiet.out
    calm = fleet("trends", "--quiet", "-m", "time_wait")
    assert (calm.code, calm.out) == (0, "")
    assert fleet("trends", "--exit-zero").code == 0


def test_the_past_error_is_told(fleet: Fleet, program: Program) -> None:
    last = time.time_ns() // 1_000_000 - 3_600_000
    with store.connect(str(program.database)) as opened:
        keep(opened, {"web1": {("time_wait", ""): line(0, 10)}}, last=last)
        (key,) = store.series(opened)
        made = store.Forecast(
            series_id=key.id,
            made_at=last - 29 * DAY_MS,
            value=100.0,
            limit_value=200.0,
            slope_per_day=10.0,
            confidence=0.95,
            eta_days=9.0,
            eta_low=8.0,
            eta_high=11.0,
        )
        store.save_forecasts(opened, [made])
    out = fleet("trends").out
    assert "Of 1 earlier forecast 1 came true, 1 within the range, off by 1.0 days in the median." in out


@pytest.mark.usefixtures("nights")
def test_what_it_foretells_is_kept_and_looking_back_keeps_nothing(fleet: Fleet, program: Program) -> None:
    with store.connect(str(program.database)) as opened:
        fleet("trends", "--until", "2d")
        assert store.forecasts(opened) == []
        fleet("trends")
        fleet("trends")
        kept = store.forecasts(opened)
    assert len(kept) == 7
    assert len({key.id for key, _ in kept}) == 7


def test_a_group_has_thresholds_of_its_own(fleet: Fleet, program: Program) -> None:
    now = time.time_ns() // 1_000_000
    stored(program, {name: volume("/", line(10 * GIB, 2 * GIB, 0.1)) for name in ("db1", "db2")})
    with store.connect(str(program.database)) as opened:
        number = store.begin_sweep(opened, asked="x", hosts=["db1"], started_at=now)
        sample = Sample("disk_used_bytes", "/", 88 * GIB)
        answer = Record(
            host="db1", groups=("db",), sweep_id=number, taken_at=now, status="ok", samples=[sample]
        )
        store.save(opened, [answer])
        store.finish_sweep(opened, number)
    (program.home / "fleet.toml").write_text("[group.db.thresholds]\ntrends_critical_days = 10\n")
    rows = fleet("trends", "--format", "json").json["trends"]
    assert {row["host"]: row["severity"] for row in rows} == {"db1": "critical", "db2": "warning"}


def test_who_may_only_read_sees_all_the_same(fleet: Fleet, program: Program) -> None:
    stored(program, CREEPING)
    with closing(sqlite3.connect(program.database)) as other:
        other.execute(
            "CREATE TRIGGER guard BEFORE INSERT ON forecast BEGIN SELECT RAISE(ABORT, 'not yours'); END"
        )
    said = fleet("trends")
    assert (said.code, said.out.count("disk /")) == (1, 2)
    assert "fleet: what was foretold is not kept: " in said.err


def test_an_empty_database(fleet: Fleet) -> None:
    fleet("db", "upgrade")
    said = fleet("trends")
    assert said.code == 0
    assert "0 hosts, 0 series: 0 rising" in said.out
    assert fleet("trends", "--format", "json").json == {"schema": 1, "trends": []}
    assert "Nothing of the kind was measured yet: fleet scan hosts.txt" in said.out


def stored(program: Program, hosts: Mapping[str, Host], nights: int = 40, days_ago: float = 0.1) -> None:
    """Nights of these hosts, the last one so many days ago."""
    last = time.time_ns() // 1_000_000 - round(days_ago * DAY_MS)
    with store.connect(str(program.database)) as opened:
        keep(opened, hosts, nights, last=last)


def test_what_is_full_is_at_its_limit_and_not_well(fleet: Fleet, program: Program) -> None:
    filled = volume("/data", lambda night: min(60 + 2 * night, 100) * GIB)
    stored(program, {"db1": filled, "image": volume("/snap", lambda _: 100 * GIB)})
    said = fleet("trends")
    assert said.code == 2
    assert "1 at the limit, 0 rising, 1 level" in said.out
    (row,) = [line for line in said.out.splitlines() if line.startswith("disk /data")]
    assert "at its limit now" in row
    assert "100/100 GiB  level" in row
    (one,) = fleet("trends", "--format", "json").json["trends"]
    assert (one["severity"], one["eta_days"], one["eta_low"], one["eta_high"]) == ("critical", 0, 0, 0)
    assert one["message"].startswith("disk_used_bytes:/data is at its limit of 100 GiB now, grew until ")
    assert fleet("trends", "--quiet").out.startswith("RISING")


def test_memory_that_is_used_up_is_not_well(fleet: Fleet, program: Program) -> None:
    stored(program, {"app1": {("mem_available_bytes", ""): lambda n: max(8 - n / 4, 0.05) * GIB}})
    (one,) = fleet("trends", "--format", "json").json["trends"]
    assert one["message"].startswith("mem_available_bytes is used up now, fell until ")
    assert "memory left  at its limit now  app1" in fleet("trends").out


def test_hosts_of_one_line_are_due_at_about_one_time(fleet: Fleet, program: Program) -> None:
    soon = {f"soon{n}": volume("/", line((60 - n) * GIB, GIB, 0.1, n)) for n in range(3)}
    late = {f"late{n}": volume("/", line((5 - n) * GIB, GIB, 0.1, n)) for n in range(3)}
    stored(program, soon | late)
    first, second = [line for line in fleet("trends").out.splitlines() if line.startswith("disk /")]
    assert "soon[0-2] (3 hosts)" in first
    assert "at its limit now" not in second
    assert re.search(r" \d+ h \((0|\d+ h)-\d d\) ", first)
    assert re.search(r" 5\d d \(5\d-6\d d\) +late\[0-2\] \(3 hosts\)", second)


def test_a_fleet_that_was_not_scanned_for_weeks_is_told_as_of_then(fleet: Fleet, program: Program) -> None:
    stored(program, {"db1": volume("/", line(50 * GIB, GIB, 0.1))}, days_ago=21)
    said = fleet("trends")
    assert ", the last scan 21 days before that - 1 host" in said.out
    assert re.search(r"disk / +11 d \(9-12 d\)|disk / +11 d \(10-12 d\)", said.out)


def test_a_host_that_was_not_seen_for_weeks_foretells_nothing(fleet: Fleet, program: Program) -> None:
    stored(program, {"gone": volume("/", line(50 * GIB, GIB, 0.1))}, days_ago=21)
    stored(program, {"here": volume("/", level(50 * GIB))})
    said = fleet("trends")
    assert (said.code, "Not listed: 1 no longer measured." in said.out) == (0, True)
    verdict = fleet("trends", "--explain", "gone", "disk_used_bytes").out
    assert "not measured since " in verdict
    assert "its limit" not in verdict


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_long_names_do_not_break_the_table(
    fleet: Fleet, program: Program, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    path = "/srv/applications/shop/production/releases/current/log/access.log"
    log = {("log_bytes", path): line(GIB, GIB / 2, 0.1), **volume("/", level(20 * GIB), 500 * GIB)}
    stored(program, {"a-rather-long-host-name-1.example.com": log})
    monkeypatch.setattr("fleet_cli.render.terminal.PIPE_WIDTH", width)
    lines = fleet("trends").out.splitlines()
    assert max(map(len, lines)) <= width
    assert any(line.startswith("log") for line in lines)


def test_what_changed_the_pace_and_what_was_removed_is_said(fleet: Fleet, program: Program) -> None:
    def faster(night: int) -> float:
        return (100 + night + 10 * max(night - 40, 0)) * GIB

    def weekly(night: int) -> float:
        return 1000 + 50 * night + 500 * (night % 7 < 5) + night * 7919 % 13

    hosts = {"db1": volume("/data", faster, 900 * GIB), "lb1": {("time_wait", ""): weekly}}
    stored(program, hosts, 60)
    out = fleet("trends").out
    assert re.search(r"disk /data .*\+1[01] GiB \(.*, was \+\d\.\d GiB", out)
    assert re.search(r"TIME_WAIT .*, weekly cycle removed", out)
    drawn = fleet("trends", "--explain", "db1", "disk_used_bytes").out.splitlines()
    assert drawn[3].strip() == "B"
    assert len(drawn[1].rstrip()) == len(drawn[2].rstrip())


def test_the_growth_of_a_week_is_told(fleet: Fleet, program: Program) -> None:
    stored(program, {"web1": {("time_wait", ""): line(0, 10)}})
    fleet("trends", "--until", "10d")
    with store.connect(str(program.database)) as opened:
        (key,) = store.series(opened)
        at = points(opened, key.id)[0][-15]
        made = store.Forecast(
            series_id=key.id,
            made_at=at,
            value=250.0,
            limit_value=None,
            slope_per_day=8.0,
            confidence=0.95,
            eta_days=None,
            eta_low=None,
            eta_high=None,
        )
        store.save_forecasts(opened, [made])
    assert "A week after 1 forecast the growth foretold was off by 25 % in the median." in fleet("trends").out
