"""The way round: nights are stored, the sweep's end looks ahead, the next scan and ``why`` say it."""

from __future__ import annotations

import msgspec
import pytest

from fleet_collector import store
from fleet_collector.archive import cases
from fleet_collector.bundle import Request
from fleet_collector.causes.why import why
from fleet_collector.findings.judge import judge
from fleet_collector.findings.past import Past
from fleet_collector.findings.subject import Subject
from fleet_collector.foretelling import foretell
from fleet_collector.metrics import measure
from fleet_collector.record import Record
from fleet_collector.rules import Rules
from fleet_collector.snapshot import Snapshot
from fleet_collector.snapshot.logs import LogFile, Logs
from tests.collector import hosts
from tests.collector.hosts import but
from tests.collector.nights import DAY_MS, GIB, LAST, keep, level, line, volume
from tests.databases import address, database, postgres_server, sqlite

__all__ = ["address", "database", "postgres_server", "sqlite"]

FILLING = {
    **volume("/", line(50 * GIB, GIB, 0.1)),
    ("log_bytes", "/var/log/app.log"): line(0.2 * GIB, 0.9 * GIB, 0.05),
}


def past(database: store.Database, host: str = "web1", before: int = LAST + DAY_MS) -> Past:
    return store.pasts(database, [host], before).get(host, Past())


def snapshot(used: float, log: float, at: float) -> Snapshot:
    root = but(
        hosts.ROOT, size_bytes=105 * 2**30, used_bytes=round(used), available_bytes=round(100 * GIB - used)
    )
    file = LogFile(path="/var/log/app.log", size_bytes=round(log), mount="/", device="8:1", inode=7)
    return hosts.snapshot(
        at, disk=but(hosts.DISK, volumes=[root]), logs=Logs(files=[file], roots=["/var/log"])
    )


def answer(database: store.Database, at: int, used: float = 90 * GIB, log: float = 36 * GIB) -> Snapshot:
    """Store one more scan, with its snapshot, and return that."""
    seen = snapshot(used, log, at / 1000)
    number = store.begin_sweep(database, asked="x", hosts=["web1"], started_at=at)
    record = Record(
        host="web1", sweep_id=number, taken_at=at, status="ok", snapshot=seen, samples=measure(seen)
    )
    store.save(database, [record])
    store.finish_sweep(database, number)
    return seen


def judged(seen: Snapshot, known: Past, at: int) -> dict[str, str]:
    subject = Subject(host="web1", taken_at=at / 1000, snapshot=seen, past=known)
    return {one.rule: f"{one.severity}: {one.message}" for one in judge(subject) if one.severity != "ok"}


def test_what_a_sweep_foretells_the_next_one_says(database: store.Database) -> None:
    keep(database, {"web1": FILLING, "calm": volume("/", level(50 * GIB))}, 39, last=LAST - DAY_MS)
    answer(database, LAST, 89 * GIB, 35.3 * GIB)
    assert foretell(database, ["web1", "calm"], LAST + 5000) == 2
    known = past(database)
    assert {one.metric for one in known.foretold} == {"disk_used_bytes", "log_bytes"}
    found = judged(snapshot(90 * GIB, 36.2 * GIB, (LAST + DAY_MS) / 1000), known, LAST + DAY_MS)
    assert "/ grows 1.0 GiB a day, is full in " in found["disk.trend"]
    assert found["disk.trend"].startswith("warning: ")
    assert "grows 922 MiB a day: no rule of logrotate covers it; / is full in " in found["logs.large"]


def test_why_uses_what_the_last_sweep_foretold(sqlite: store.Database) -> None:
    keep(sqlite, {"web1": FILLING}, 39, last=LAST - DAY_MS)
    answer(sqlite, LAST, 89 * GIB, 35.3 * GIB)
    request = Request(nonce="0")
    assert "disk.trend" not in {
        cause.rule for cause in why(cases(sqlite, lambda _: Rules(request=request))).causes
    }
    foretell(sqlite, ["web1"], LAST + 5000)
    causes = why(cases(sqlite, lambda _: Rules(request=request))).causes
    (cause,) = [one for one in causes if one.rule.startswith("logs.")]
    assert "disk.trend" in {effect.rule for effect in cause.explains}


def test_what_was_foretold_yesterday_and_not_again_is_not_said(sqlite: store.Database) -> None:
    keep(sqlite, {"web1": FILLING}, 39, last=LAST - 2 * DAY_MS)
    answer(sqlite, LAST - DAY_MS)
    foretell(sqlite, ["web1"], LAST - DAY_MS)
    assert past(sqlite, before=LAST).foretold
    answer(sqlite, LAST, 20 * GIB, 0)  # somebody made room, and the next look ahead found nothing
    assert foretell(sqlite, ["web1"], LAST) == 0
    assert past(sqlite).foretold == ()


@pytest.mark.parametrize(
    ("key", "start", "slope", "limit", "more"),
    [
        (("inodes_used_percent", "/"), 60.0, 0.8, 100.0, {}),
        (("mem_available_bytes", ""), 9 * GIB, -0.2 * GIB, 0.0, {}),
        (("process_rss_bytes", "java"), GIB, 0.2 * GIB, 10.8 * GIB, {("mem_available_bytes", ""): 2 * GIB}),
        (("process_fds", "nginx"), 100.0, 20.0, 1024.0, {("process_fds_limit", "nginx"): 1024.0}),
        (("processes", ""), 10_000.0, 500.0, 32768.0, {("processes_max", ""): 32768.0}),
        (("threads", ""), 10_000.0, 500.0, 32768.0, {("threads_max", ""): 32768.0}),
        (("open_files", ""), 10_000.0, 500.0, 32768.0, {("open_files_max", ""): 32768.0}),
        (("time_wait", ""), 5_000.0, 500.0, 28232.0, {("local_ports", ""): 28232.0}),
        (("conntrack", ""), 10_000.0, 1100.0, 65536.0, {("conntrack_max", ""): 65536.0}),
    ],
)
def test_every_real_limit_is_foretold(
    sqlite: store.Database,
    key: tuple[str, str],
    start: float,
    slope: float,
    limit: float,
    more: dict[tuple[str, str], float],
) -> None:
    keep(sqlite, {"web1": {key: line(start, slope, 0.1), **more}})
    foretell(sqlite, ["web1"], LAST)
    ((_, forecast),) = store.forecasts(sqlite)
    assert forecast.limit_value == pytest.approx(limit, rel=0.01)
    assert forecast.slope_per_day == pytest.approx(slope, rel=0.05)
    assert forecast.eta_low is not None
    end = (limit - forecast.value) / slope
    assert forecast.eta_low - 1 <= end <= (forecast.eta_high or 1e9) + 1


def test_what_ends_in_months_is_left_to_trends(sqlite: store.Database) -> None:
    keep(sqlite, {"web1": volume("/", line(30 * GIB, 0.1 * GIB, 0.1))})
    assert foretell(sqlite, ["web1"], LAST) == 0


def test_one_forecast_a_day_of_each_series(sqlite: store.Database) -> None:
    keep(sqlite, {"web1": FILLING})
    foretell(sqlite, ["web1"], LAST)
    keep(sqlite, {"web1": volume("/", line(91 * GIB, GIB))}, 1, last=LAST + DAY_MS // 2)
    foretell(sqlite, ["web1"], LAST + DAY_MS // 2)
    assert [one.made_at for _, one in store.forecasts(sqlite)] == [LAST, LAST]
    keep(sqlite, {"web1": volume("/", line(91 * GIB, GIB))}, 1, last=LAST + DAY_MS)
    foretell(sqlite, ["web1"], LAST + DAY_MS)
    assert [one.made_at for _, one in store.forecasts(sqlite)] == [LAST, LAST, LAST + DAY_MS]


def test_a_past_without_glimpses_is_none(sqlite: store.Database) -> None:
    keep(sqlite, {"web1": FILLING})
    foretell(sqlite, ["web1"], LAST)
    assert store.pasts(sqlite, ["web1", "web2"], LAST + 1) == {}


def test_forecasts_travel_with_the_past() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Past()), type=Past) == Past()


def test_a_scan_of_the_future_hides_nothing(sqlite: store.Database) -> None:
    keep(sqlite, {"web1": FILLING}, 40)
    keep(sqlite, {"web1": volume("/", level(GIB))}, 1, last=LAST + 400 * DAY_MS)
    assert foretell(sqlite, ["web1"], LAST + 5000) == 2


def test_a_step_that_timed_out_once_hides_no_limit(sqlite: store.Database) -> None:
    used = line(50 * GIB, GIB, 0.1)
    filling = {
        ("log_bytes", "/var/log/app.log"): line(0.2 * GIB, 0.9 * GIB, 0.05),
        ("disk_used_bytes", "/"): lambda night: used(night) if night < 39 else None,
        ("disk_size_bytes", "/"): lambda night: 100 * GIB if night < 39 else None,
    }
    keep(sqlite, {"web1": filling}, 40)
    assert foretell(sqlite, ["web1"], LAST + 5000) == 2
