"""Identity, processor, memory, processes, services: each rule on both sides of its thresholds."""

from __future__ import annotations

import pytest

from fleet_collector.findings.past import Past, recall
from fleet_collector.snapshot.identity import KernelMessage
from tests.collector import hosts
from tests.collector.hosts import DAY, NOW, but, rules, subject


def test_a_reboot_since_the_last_scan() -> None:
    young = but(hosts.IDENTITY, boot_id="boot-2", uptime_seconds=300.0)
    assert rules(subject(identity=young, past=hosts.nights(1))) == {"identity.rebooted": "warning"}
    assert rules(subject(identity=young)) == {}


@pytest.mark.parametrize(
    ("offset", "severity"),
    [(4.9, None), (-5.0, "warning"), (299.0, "warning"), (300.0, "critical"), (None, None)],
)
def test_the_clock(offset: float | None, severity: str | None) -> None:
    assert rules(subject(offset=offset)) == ({"identity.clock": severity} if severity else {})


@pytest.mark.parametrize(
    ("before", "now", "up_seconds", "found"),
    [
        (True, False, DAY, True),
        (False, False, DAY, False),
        (True, None, DAY, False),
        (True, False, 60, False),
    ],
)
def test_a_clock_that_is_kept_no_more(before: bool, now: bool | None, up_seconds: float, found: bool) -> None:
    past = hosts.nights(1, identity=but(hosts.IDENTITY, clock_synchronised=before))
    facts = but(hosts.IDENTITY, clock_synchronised=now, uptime_seconds=up_seconds, clock_error_seconds=16.0)
    expected = {"identity.unsynchronised": "warning"} if found else {}
    assert rules(subject(identity=facts, past=past)) == expected


@pytest.mark.parametrize(
    ("kind", "age", "expected"),
    [
        ("hung_task", 60, {"identity.kernel_message": "warning"}),
        ("filesystem_error", 60, {"identity.kernel_message": "critical"}),
        ("hung_task", 3600, {}),
        ("oom_kill", 60, {}),
        ("segfault", 60, {}),
        ("never_heard_of", 60, {"identity.kernel_message": "warning"}),
    ],
)
def test_kernel_messages(kind: str, age: float, expected: dict[str, str]) -> None:
    message = KernelMessage(kind=kind, count=1, last_at=NOW - age, last="task tar:5 blocked")
    assert rules(subject(identity=but(hosts.IDENTITY, kernel_messages=[message]))) == expected


def test_a_past_is_plain_values_that_can_be_kept() -> None:
    past = hosts.nights(20)
    assert len(past.glimpses) == 14
    assert past.previous is not None
    assert past.previous.taken_at == NOW - DAY
    assert past.median("processes") == 180.0
    assert past.always("listeners") == {"tcp/80", "tcp/22"}
    assert recall([]) == Past()
