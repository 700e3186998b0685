from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fleet_collector.findings.ahead import NUMBERS
from fleet_collector.findings.past import Foretold, Past
from fleet_collector.findings.thresholds import GIB, Thresholds
from fleet_collector.foretelling import FORETOLD
from fleet_collector.snapshot.logs import LogFile, Logs, Rotation
from fleet_collector.snapshot.processes import FdProcess, ProcessGroup
from tests.collector import hosts
from tests.collector.hosts import DAY, NOW, but, only, rules, subject

DISK = Foretold(
    metric="disk_used_bytes",
    label="/",
    made_at=NOW - DAY,
    value=40.0 * GIB,
    limit=95.0 * GIB,
    slope_per_day=5.5 * GIB,
    confidence=0.97,
    low_days=7.4,
    high_days=11.6,
)


def past(**changes: Any) -> Past:
    return Past(foretold=(msgspec.structs.replace(DISK, **changes),))


def test_a_volume_that_fills_is_told_with_a_range_counted_from_now() -> None:
    finding = only(subject(past=past()))
    assert (finding.rule, finding.severity, finding.subject) == ("disk.trend", "warning", "/")
    assert finding.message == "/ grows 5.5 GiB a day, is full in 6 to 11 days"
    assert finding.evidence["mount"] == "/"
    assert finding.evidence["eta_low"] == pytest.approx(6.4)
    assert finding.next == "du -xh --max-depth=2 / 2>/dev/null | sort -rh | head -20"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"low_days": 15.0, "high_days": 20.0}, {"disk.trend": "warning"}),  # 14 days from now
        ({"low_days": 15.1, "high_days": 20.0}, {}),
        ({"low_days": 4.0, "high_days": 5.0}, {"disk.trend": "critical"}),
        ({"low_days": 4.1, "high_days": 5.0}, {"disk.trend": "warning"}),
        ({"high_days": None}, {"disk.trend": "warning"}),
        ({"confidence": 0.89}, {}),
        ({"confidence": 0.9}, {"disk.trend": "warning"}),
        ({"label": "/gone"}, {}),
        ({"metric": "a_number_of_another_version"}, {}),
        ({"value": 47.0 * GIB}, {}),  # a tenth of the way was taken back since
        ({"value": 44.0 * GIB}, {"disk.trend": "warning"}),
        ({"value": 95.0 * GIB}, {"disk.trend": "warning"}),
    ],
)
def test_near_and_sure_and_not_undone(changes: dict[str, Any], expected: dict[str, str]) -> None:
    assert rules(subject(past=past(**changes))) == expected


def test_a_limit_that_has_moved_away_since_is_not_met() -> None:
    larger = but(hosts.ROOT, used_bytes=41 * GIB, available_bytes=200 * GIB)
    assert rules(subject(past=past(), disk=but(hosts.DISK, volumes=[larger]))) == {}
    raised = but(HELD, top_open_files=[but(NGINX, limit=65536)])
    known = past(metric="process_fds", label="nginx", value=690.0, limit=1024.0, slope_per_day=30.0)
    assert rules(subject(past=known, processes=HELD)) == {"processes.trend": "warning"}
    assert rules(subject(past=known, processes=raised)) == {}
    table = but(hosts.NETWORK, conntrack=950, conntrack_max=400_000)
    full = past(metric="conntrack", label="", value=900.0, limit=4000.0, slope_per_day=300.0)
    assert rules(subject(past=full, network=table)) == {}


def test_a_log_whose_volume_has_room_again_fills_nothing() -> None:
    filled = but(hosts.ROOT, used_bytes=90 * GIB, available_bytes=5 * GIB)
    known = past(metric="log_bytes", label=LOG.path, value=190.0 * 2**20, limit=190.0 * 2**20 + 5 * GIB)
    kept = but(LOG, rotation=Rotation(covered=True, rule="/etc/logrotate.d/app", period="daily", last_at=NOW))
    words: dict[str, Any] = {"past": known, "logs": Logs(files=[kept])}
    assert rules(subject(**words, disk=but(hosts.DISK, volumes=[filled]))) == {"logs.trend": "warning"}
    assert rules(subject(**words)) == {}


def test_thresholds_say_what_is_near() -> None:
    limits = Thresholds(trends_warning_days=30, trends_critical_days=20)
    assert rules(subject(past=past(low_days=20.5), thresholds=limits)) == {"disk.trend": "critical"}


NGINX = FdProcess(pid=900, name="nginx", open_files=700, limit=1024)
HELD = but(
    hosts.PROCESSES,
    top_open_files=[NGINX],
    groups=[ProcessGroup(name="java", count=1, threads=900, rss_bytes=4 * GIB)],
)


@pytest.mark.parametrize(
    ("number", "facts", "said"),
    [
        (
            ("inodes_used_percent", "/", 16.0, 100.0, 9.0),
            {},
            "/ uses 9.0 % more of its inodes a day, has none left",
        ),
        (
            ("mem_available_bytes", "", 9.5 * GIB, 0.0, -GIB),
            {},
            "Available memory falls 1.0 GiB a day, is used up",
        ),
        (
            ("process_rss_bytes", "java", 4.0 * GIB, 13.0 * GIB, GIB),
            {},
            "The memory of java grows 1.0 GiB a day",
        ),
        (
            ("process_fds", "nginx", 690.0, 1024.0, 30.0),
            {},
            "nginx opens 30 more files a day, meets its limit of 1,024",
        ),
        (("process_threads", "java", 890.0, 2000.0, 99.0), {}, "java has 99 more threads a day"),
        (
            ("processes", "", 170.0, 900.0, 70.0),
            {},
            "There are 70 more processes a day, the limit of 900 is met",
        ),
        (("threads", "", 400.0, 900.0, 70.0), {}, "There are 70 more threads a day"),
        (("open_files", "", 2900.0, 9000.0, 700.0), {}, "There are 700 more open files a day"),
        (
            ("time_wait", "", 2900.0, 28232.0, 2000.0),
            {},
            "TIME_WAIT grows by 2,000 a day, the 28,232 there can be",
        ),
        (
            ("local_ports_percent", "", 50.0, 100.0, 5.0),
            {"connections": but(hosts.CONNECTIONS, local_ports_percent=50.0)},
            "Local ports towards one destination: 5.0 % more in use a day",
        ),
        (
            ("conntrack", "", 900.0, 4000.0, 300.0),
            {"network": but(hosts.NETWORK, conntrack=950, conntrack_max=4000)},
            "The connection tracking table grows by 300 a day, is full",
        ),
    ],
)
def test_every_number_has_its_words(
    number: tuple[str, str, float, float, float], facts: dict[str, Any], said: str
) -> None:
    metric, label, value, limit, slope = number
    known = past(metric=metric, label=label, value=value, limit=limit, slope_per_day=slope)
    finding = only(subject(past=known, **({"processes": HELD} | facts)))
    assert finding.message.startswith(said)
    assert finding.message.endswith(" in 6 to 11 days")
    assert finding.rule == f"{finding.step}.trend"
    assert finding.evidence["metric"] == metric


def test_what_is_foretold_has_words() -> None:
    assert set(FORETOLD) == set(NUMBERS)


LOG = LogFile(path="/var/log/app.log", size_bytes=200 * 2**20, mount="/", device="8:1", inode=7)
OF_LOG = past(metric="log_bytes", label="/var/log/app.log", value=150.0 * 2**20, limit=60.0 * GIB)


def test_a_log_that_no_other_rule_speaks_of() -> None:
    rotated = but(
        LOG, rotation=Rotation(covered=True, rule="/etc/logrotate.d/app", period="daily", last_at=NOW)
    )
    finding = only(subject(past=OF_LOG, logs=Logs(files=[rotated])))
    assert finding.rule == "logs.trend"
    assert finding.message == "/var/log/app.log grows 5.5 GiB a day, its volume is full in 6 to 11 days"
    assert (finding.evidence["path"], finding.evidence["mount"]) == ("/var/log/app.log", "/")


def test_a_log_is_told_once() -> None:
    large = but(LOG, size_bytes=3 * GIB, modified_at=NOW - 60)
    finding = only(subject(past=OF_LOG, logs=Logs(files=[large])))
    assert finding.rule == "logs.large"
    assert "grows 5.5 GiB a day" in finding.message
    assert finding.message.endswith("; / is full in 6 to 11 days")


def test_a_log_that_was_emptied_since_is_quiet() -> None:
    assert (
        rules(subject(past=past(metric="log_bytes", label="/var/log/app.log"), logs=Logs(files=[LOG]))) == {}
    )
    gone = but(LOG, deleted=True)
    assert rules(subject(past=OF_LOG, logs=Logs(files=[gone]))) == {}
