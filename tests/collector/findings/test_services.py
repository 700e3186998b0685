"""Identity, processor, memory, processes, services: each rule on both sides of its thresholds."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_collector.findings.expected import Expected
from fleet_collector.snapshot import Section
from fleet_collector.snapshot.services import Services, Unit
from tests.collector import hosts
from tests.collector.hosts import DAY, NOW, but, only, rules, subject


def unit(**changes: Any) -> Services:
    usual: dict[str, Any] = {"name": "shop.service", "active": "active", "sub": "running", "type": "simple"}
    return but(hosts.SERVICES, units=[*(hosts.SERVICES.units or []), Unit(**(usual | changes))])


def test_a_failed_unit_with_its_last_words() -> None:
    log = ["shop[9]: cannot open /etc/shop.conf", "systemd[1]: shop.service: Failed with result 'exit-code'."]
    facts = unit(
        active="failed",
        sub="failed",
        result="exit-code",
        exit_code="exited",
        exit_status=3,
        since=NOW - 720,
        log=log,
    )
    finding = only(subject(services=facts))
    assert (finding.rule, finding.severity, finding.subject) == ("services.failed", "warning", "shop")
    assert finding.message == "shop failed 12 min ago: exit status 3 (shop: cannot open /etc/shop.conf)"
    assert rules(subject(services=facts, expected=Expected(services=("shop",)))) == {
        "services.failed": "critical"
    }


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"restarts": 3, "started_at": NOW - 20}, True),
        ({"restarts": 2, "started_at": NOW - 20}, False),
        ({"restarts": 3, "started_at": NOW - 400}, False),
        ({"restarts": 40, "active": "activating", "sub": "auto-restart", "started_at": NOW - 400}, True),
    ],
)
def test_a_unit_in_a_loop(facts: dict[str, Any], found: bool) -> None:
    assert rules(subject(services=unit(**facts))) == ({"services.looping": "warning"} if found else {})


def test_restarts_of_old_are_no_loop() -> None:
    before = unit(restarts=9, started_at=NOW - DAY)
    assert (
        rules(subject(services=unit(restarts=9, started_at=NOW - 20), past=hosts.nights(1, services=before)))
        == {}
    )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, {}),
        ({"active": "inactive", "sub": "dead"}, {"services.wanted": "critical"}),
        ({"active": "inactive", "load": "not-found"}, {"services.wanted": "critical"}),
        ({"active": "inactive", "type": "oneshot", "result": "success"}, {}),
        ({"name": "other.service"}, {"services.wanted": "critical"}),
    ],
)
def test_a_wanted_service(facts: dict[str, Any], expected: dict[str, str]) -> None:
    assert rules(subject(services=unit(**facts), expected=Expected(services=("shop.service",)))) == expected


def test_a_wanted_service_that_nobody_could_ask_about() -> None:
    wanted = Expected(services=("shop",))
    assert rules(subject(services=Section(status="absent"), expected=wanted)) == {
        "services.wanted": "unknown"
    }
    assert rules(subject(services=but(hosts.SERVICES, manager=None), expected=wanted)) == {
        "services.wanted": "unknown"
    }


def test_a_service_that_was_always_there() -> None:
    finding = only(subject(past=hosts.nights(3, services=unit())))
    assert (finding.rule, finding.severity, finding.subject) == (
        "services.learned_missing",
        "warning",
        "shop",
    )
    failed = unit(active="failed")
    assert rules(subject(services=failed, past=hosts.nights(3, services=unit()))) == {
        "services.failed": "warning"
    }
    cut = Section(status="ok", notes={"units": "cut at 2 of 3"}, data=hosts.SERVICES)
    assert rules(subject(services=cut, past=hosts.nights(3, services=unit()))) == {}


def test_an_enabled_service_that_was_ended_since_the_last_scan() -> None:
    facts: dict[str, Any] = {"active": "inactive", "sub": "dead", "load": "loaded", "since": NOW - 300}
    past = hosts.nights(1, services=unit())
    finding = only(subject(services=unit(**facts, enabled="enabled"), past=past))
    assert finding.message == "shop ran at the last scan and does not now; it ended 5 min ago"
    for harmless in ({"enabled": "static"}, {"enabled": "enabled", "type": "oneshot"}):
        assert rules(subject(services=unit(**facts, **harmless), past=past)) == {}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"result": "exit-code"}, "a command that should start it failed"),
        ({"result": "signal", "exit_code": "killed", "exit_status": 11}, "killed by SIGSEGV"),
        ({"result": "signal", "exit_code": "killed", "exit_status": 99}, "killed by signal 99"),
        (
            {"result": "exit-code", "exit_code": "exited", "exit_status": 203, "command": "/opt/no --x"},
            "its program cannot be executed (status 203): /opt/no --x",
        ),
    ],
)
def test_how_a_unit_ended(facts: dict[str, Any], words: str) -> None:
    assert only(subject(services=unit(active="failed", **facts))).message == f"shop failed: {words}"


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"enabled": "masked"}, "shop is wanted and is masked"),
        ({"enabled": "static"}, "shop is wanted and is inactive"),
        (
            {"exit_code": "exited", "since": NOW - 120, "enabled": "disabled"},
            "shop is wanted and is inactive, it ended 2 min ago; it is not enabled at boot",
        ),
    ],
)
def test_why_a_wanted_service_does_not_run(facts: dict[str, Any], words: str) -> None:
    expected = Expected(services=("shop",))
    assert only(subject(services=unit(active="inactive", **facts), expected=expected)).message == words
