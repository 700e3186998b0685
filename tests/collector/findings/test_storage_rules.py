"""Disk and logs, gaps, and the border around every rule."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet_collector.findings.judge import RULES, judge
from fleet_collector.findings.logs import is_log, rotated_stem
from fleet_collector.findings.past import Past, recall
from fleet_collector.findings.subject import Subject
from fleet_collector.findings.thresholds import GIB, MIB
from fleet_collector.snapshot import STEPS, Agent, Section, Snapshot
from fleet_collector.snapshot.disk import DeletedFile, DiskWriter, Raid, Volume
from fleet_collector.snapshot.fact import Pressure, Process
from fleet_collector.snapshot.logs import Journal, LogFile, Logrotate, Logs, Rotation
from tests.collector import hosts
from tests.collector.any_snapshot import json_of
from tests.collector.hosts import DAY, NOW, but, only, rules, subject

ANY = {step: json_of(msgspec.inspect.type_info(type(data))) for step, data in hosts.DATA.items()}


def root(**changes: Any) -> Any:
    return but(hosts.DISK, volumes=[but(hosts.ROOT, **changes)])


def deleted(size: int) -> DeletedFile:
    return DeletedFile(pid=900, name="nginx", path="/var/log/access.log", size_bytes=size, mount="/")


DISK_CASES: list[tuple[Any, dict[str, str]]] = [
    (root(used_percent=89.9, available_bytes=9 * GIB), {}),
    (root(used_percent=90.0, available_bytes=9 * GIB), {"disk.space": "warning"}),
    (root(used_percent=90.0, available_bytes=11 * GIB), {}),
    (root(used_percent=95.0, available_bytes=3 * GIB), {"disk.space": "warning"}),
    (root(used_percent=95.0, available_bytes=1 * GIB), {"disk.space": "critical"}),
    (root(used_percent=100.0, available_bytes=0), {"disk.space": "critical"}),
    (root(inodes_used_percent=90.0, inodes_free=400_000), {"disk.inodes": "warning"}),
    (root(inodes_used_percent=97.0, inodes_free=1000), {"disk.inodes": "critical"}),
    (root(inodes_used_percent=89.0, inodes_free=1000), {}),
    (root(read_only=True), {"disk.read_only": "critical"}),
    (root(read_only=True, fstab_read_write=None), {}),
    (root(read_only=True, fstab_read_write=None, errors=1), {"disk.read_only": "critical"}),
    (root(emergency_read_only=True, fstab_read_write=None), {"disk.read_only": "critical"}),
    (root(errors=2), {"disk.errors": "warning"}),
    (
        but(hosts.DISK, volumes=[Volume(mount="/mnt/nfs", type="nfs4", hung=True, server="nas1")]),
        {"disk.hung": "critical"},
    ),
    (but(hosts.DISK, deleted=[deleted(2 * GIB)]), {"disk.deleted": "warning"}),
    (but(hosts.DISK, deleted=[deleted(900 * MIB)]), {}),
    (
        but(hosts.DISK, volumes=[but(hosts.ROOT, size_bytes=200 * MIB)], deleted=[deleted(20 * MIB)]),
        {"disk.deleted": "warning"},
    ),
    (but(hosts.DISK, volumes=[but(hosts.ROOT, size_bytes=900 * GIB)], deleted=[deleted(2 * GIB)]), {}),
    (
        but(hosts.DISK, raids=[Raid(name="md0", state="clean, degraded", devices=2, working=1)]),
        {"disk.raid": "critical"},
    ),
    (but(hosts.DISK, raids=[Raid(name="md0", state="clean", devices=2, working=2)]), {}),
]


@pytest.mark.parametrize(("disk", "expected"), DISK_CASES)
def test_disk(disk: Any, expected: dict[str, str]) -> None:
    assert rules(subject(disk=disk)) == expected


def test_a_volume_that_was_writable_at_the_last_scan() -> None:
    now = root(read_only=True, fstab_read_write=None)
    assert rules(subject(disk=now, past=hosts.nights(1))) == {"disk.read_only": "critical"}


@pytest.mark.parametrize(
    ("wait_ms", "util", "full", "found"),
    [
        (100.0, 90.0, 10.0, True),
        (99.0, 90.0, 10.0, False),
        (100.0, 70.0, 10.0, False),
        (100.0, 90.0, 1.0, False),
    ],
)
def test_a_slow_drive(wait_ms: float, util: float, full: float, found: bool) -> None:
    drives = [but(drive, wait_ms=wait_ms, util_percent=util) for drive in hosts.DISK.drives or []]
    disk = but(hosts.DISK, drives=drives, pressure=Pressure(full_avg10=full, full_avg60=1.0))
    assert rules(subject(disk=disk)) == ({"disk.latency": "warning"} if found else {})


@pytest.mark.parametrize(("full", "blocked", "found"), [(15.0, 2, True), (14.0, 2, False), (50.0, 1, False)])
def test_pressure_of_drives(full: float, blocked: int, found: bool) -> None:
    writers = [DiskWriter(pid=5, name="dd", write_bytes_per_second=9e7)]
    disk = but(hosts.DISK, pressure=Pressure(full_avg60=full), writers=writers)
    one = subject(disk=disk, cpu=but(hosts.CPU, blocked=blocked))
    assert rules(one) == ({"disk.pressure": "warning"} if found else {})
    assert not found or "dd (pid 5) writes 86 MiB/s" in only(one).message


def test_what_fills_a_volume_is_named() -> None:
    disk = but(root(used_percent=99.7, available_bytes=0, free_bytes=2 * GIB), deleted=[deleted(81 * GIB)])
    one = subject(disk=disk)
    space = next(finding for finding in judge(one) if finding.rule == "disk.space")
    assert space.message == (
        "/ is 99.7 % full, 0 B left (2.0 GiB for root); largest there: deleted /var/log/access.log of nginx"
        " (pid 900) (81 GiB)"
    )


WRITER = Process(pid=812, name="java", unit="shop.service")
COVERED = Rotation(covered=True, rule="/etc/logrotate.d/shop", period="daily", last_at=NOW - DAY)


def log(**changes: Any) -> Logs:
    usual: dict[str, Any] = {
        "path": "/srv/shop/shop.log",
        "size_bytes": 3 * GIB,
        "mount": "/",
        "device": "8:1",
        "inode": 7,
        "modified_at": NOW - 5,
        "growth_bytes_per_second": 0.0,
        "writer": WRITER,
    }
    return Logs(files=[LogFile(**(usual | changes))])


MB_S = 1_000_000.0
LOG_CASES: list[tuple[Logs, dict[str, str]]] = [
    (log(), {"logs.large": "warning"}),
    (log(size_bytes=900 * MIB), {}),
    (log(growth_bytes_per_second=0.05 * MB_S), {"logs.growing": "warning"}),
    (log(growth_bytes_per_second=0.02 * MB_S), {"logs.large": "warning"}),
    (log(growth_bytes_per_second=5 * MB_S), {"logs.growing": "critical"}),
    (log(size_bytes=200 * MIB, growth_bytes_per_second=5 * MB_S), {"logs.growing": "critical"}),
    (log(size_bytes=200 * MIB, growth_bytes_per_second=0.05 * MB_S), {}),
    (log(size_bytes=200 * MIB, growth_bytes_per_second=0.2 * MB_S), {"logs.growing": "warning"}),
    (log(rotation=COVERED, growth_bytes_per_second=0.05 * MB_S), {}),
    (log(rotation=but(COVERED, last_at=NOW - 19 * DAY)), {"logs.not_rotated": "warning"}),
    (log(rotation=but(COVERED, last_at=NOW - 2.5 * DAY)), {}),
    (log(rotation=COVERED, growth_bytes_per_second=5 * MB_S), {"logs.growing": "critical"}),
    (log(rotation=COVERED, size_bytes=200 * MIB, growth_bytes_per_second=5 * MB_S), {}),
    (log(rotation=but(COVERED, period="weekly", last_at=NOW - 14 * DAY)), {}),
    (log(rotation=but(COVERED, last_at=None)), {"logs.not_rotated": "warning"}),
    (log(rotation=but(COVERED, last_at=None), size_bytes=500 * MIB), {}),
    (
        log(path="/srv/shop/shop.log.1", rotated_name=True, growth_bytes_per_second=9.0),
        {"logs.old_file": "warning"},
    ),
    (
        log(path="/srv/shop/shop.log.1", rotated_name=True, growth_bytes_per_second=5 * MB_S),
        {"logs.old_file": "critical"},
    ),
    (log(path="/srv/shop/shop.log.1", rotated_name=True, modified_at=NOW - DAY), {}),
    (log(path="/srv/shop/shop.log.1", rotated_name=True, writer=None), {}),
    (log(deleted=True, growth_bytes_per_second=9.0), {"logs.old_file": "warning"}),
    (log(path="/data/base/16384", growth_bytes_per_second=90 * MB_S), {}),
    (
        Logs(files=[], logrotate=Logrotate(installed=True, problems=["a: error"])),
        {"logs.logrotate": "warning"},
    ),
    (
        Logs(
            files=[], logrotate=Logrotate(installed=True, problems=["a: cannot be read: Permission denied"])
        ),
        {},
    ),
    (
        Logs(files=[], logrotate=Logrotate(installed=True, scheduled="timer", last_run_at=NOW - 3 * DAY)),
        {"logs.logrotate": "warning"},
    ),
    (Logs(files=[], logrotate=Logrotate(installed=True, scheduled="timer", last_run_at=NOW - DAY)), {}),
    (Logs(files=[], journal=Journal(used_bytes=16 * GIB)), {}),
]


@pytest.mark.parametrize(("logs", "expected"), LOG_CASES)
def test_logs(logs: Logs, expected: dict[str, str]) -> None:
    assert rules(subject(logs=logs)) == expected


def test_a_file_that_is_no_log_but_fills_the_volume_within_the_hour() -> None:
    logs = log(path="/data/base/16384", growth_bytes_per_second=90 * MB_S)
    disk = root(used_percent=85.0, available_bytes=15 * GIB)
    assert rules(subject(logs=logs, disk=disk)) == {"logs.filling": "warning"}


def test_a_journal_that_crowds_its_volume() -> None:
    logs = Logs(files=[], journal=Journal(used_bytes=16 * GIB, cap_bytes=20 * GIB))
    disk = root(used_percent=75.0)
    assert "The journal holds 16 GiB of the 20 GiB it may" in only(subject(logs=logs, disk=disk)).message


@pytest.mark.parametrize(("megabytes", "found"), [(400, True), (250, False)])
def test_a_journal_that_crowds_a_small_volume(megabytes: int, found: bool) -> None:
    logs = Logs(files=[], journal=Journal(used_bytes=megabytes * MIB, cap_bytes=GIB))
    small = Volume(mount="/var/log", size_bytes=GIB, used_percent=80.0, available_bytes=20 * GIB)
    facts = but(hosts.DISK, volumes=[hosts.ROOT, small])
    assert rules(subject(logs=logs, disk=facts)) == ({"logs.journal": "warning"} if found else {})


def test_growth_is_taken_since_the_last_scan() -> None:
    now = log(growth_bytes_per_second=9 * MB_S)
    before = hosts.nights(1, logs=log(size_bytes=2 * GIB))
    finding = only(subject(logs=now, past=before))
    assert finding.rule == "logs.large"  # a gigabyte a night, however fast in this second
    assert finding.evidence["growth_measured_seconds"] == DAY
    assert "written by java (pid 812, unit shop.service), grows 43 MiB an hour" in finding.message


def test_a_log_that_was_larger_or_another_file_is_rotated_by_somebody() -> None:
    now = log(growth_bytes_per_second=0.2 * MB_S)
    assert rules(subject(logs=now, past=hosts.nights(1, logs=log(size_bytes=9 * GIB)))) == {}
    assert rules(subject(logs=now, past=hosts.nights(1, logs=log(inode=6)))) == {}
    assert rules(subject(logs=now, past=hosts.nights(1, logs=log(size_bytes=2 * GIB)))) != {}


@pytest.mark.parametrize(
    ("path", "log"),
    [
        ("/opt/app/catalina.out", True),
        ("/home/x/nohup.out", True),
        ("/srv/app/logs/today", True),
        ("/data/app.log", True),
        ("/var/lib/mysql/ibdata1", False),
        ("/data/catalog/items", False),
        ("/backup/blog.tar", False),
    ],
)
def test_what_a_log_is(path: str, log: bool) -> None:
    assert is_log(LogFile(path=path, size_bytes=1)) is log


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("/a/x.log.1", "/a/x.log"),
        ("/a/x.log.12.gz", "/a/x.log"),
        ("/a/x.log-20261122", "/a/x.log"),
        ("/a/x.log", None),
        ("/a/x-2", "/a/x"),
    ],
)
def test_rotated_names(path: str, stem: str | None) -> None:
    assert rotated_stem(path) == stem


GAPS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"disk": None}, {"disk.not_measured": "unknown"}),
    ({"disk": Section(status="timeout")}, {"disk.not_measured": "unknown"}),
    ({"disk": Section(status="error")}, {"disk.not_measured": "unknown"}),
    ({"disk": Section(status="denied")}, {}),
    (
        {"disk": Section(status="partial", notes={"x": "timeout"}, data=hosts.DISK)},
        {"disk.not_measured": "unknown"},
    ),
    ({"disk": Section(status="partial", notes={"x": "denied"}, data=hosts.DISK)}, {}),
    ({"disk": Section(status="ok", notes={"x": "cut at 1 of 2"}, data=hosts.DISK)}, {}),
]


@pytest.mark.parametrize(("facts", "expected"), GAPS)
def test_what_was_not_measured(facts: dict[str, Any], expected: dict[str, str]) -> None:
    assert rules(subject(**facts)) == expected


def test_a_gap_is_told_even_where_it_is_no_alarm() -> None:
    notes = {"deleted": "denied: the files of 3 processes", "raids": "absent"}
    (gap,) = judge(subject(disk=Section(status="partial", notes=notes, data=hosts.DISK)))
    assert (gap.rule, gap.severity) == ("disk.not_measured", "ok")
    assert gap.message == "Not measured: deleted (denied) and raids (absent)"
    assert gap.evidence["facts"] == notes


def test_a_snapshot_without_sections_is_unknown() -> None:
    empty = Subject(host="x", taken_at=NOW, snapshot=Snapshot(schema=1, agent=Agent(version="1")))
    assert {finding.severity for finding in judge(empty)} == {"unknown"}
    assert len(judge(empty)) == len(STEPS)


def test_a_rule_that_fails_hides_no_other() -> None:
    def broken(_: Subject) -> list[Any]:
        raise ZeroDivisionError("by zero")

    findings = judge(subject(offset=400.0), (broken, *RULES))
    assert [finding.severity for finding in findings] == ["critical", "unknown"]
    assert findings[1].rule.endswith(".broken")


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(st.sampled_from(STEPS).flatmap(lambda step: st.tuples(st.just(step), ANY[step])))
def test_no_rule_fails_on_any_valid_snapshot(drawn: tuple[str, Any]) -> None:
    step, data = drawn
    one = hosts.snapshot(**{step: msgspec.convert(data, type(hosts.DATA[step]))})
    for past in (Past(), recall([(NOW - DAY, one)] * 3)):
        findings = judge(Subject(host="x", taken_at=NOW, snapshot=one, past=past))
        assert [finding.evidence["error"] for finding in findings if "error" in finding.evidence] == []
        msgspec.json.encode(findings)
