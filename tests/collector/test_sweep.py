from __future__ import annotations

from fleet_collector import failures
from fleet_collector.bundle import Request
from fleet_collector.findings.past import Past
from fleet_collector.inventory import Target
from fleet_collector.metrics import Sample
from fleet_collector.rules import Rules
from fleet_collector.scan import Outcome
from fleet_collector.sweep import record
from tests.collector.hosts import NOW, snapshot

RULES = Rules(request=Request(nonce="0123456789abcdef"))


def outcome(**changes: object) -> Outcome:
    usual = {"target": Target(name="web1"), "started_at": NOW, "finished_at": NOW + 1.5, "attempts": 1}
    return Outcome(**(usual | changes))  # type: ignore[arg-type]


def test_a_record_keeps_the_hosts_numbers_and_the_offset_of_its_clock() -> None:
    made = record(outcome(snapshot=snapshot(), clock_offset_seconds=-40.5), 7, RULES, Past())
    assert Sample("clock_offset_seconds", "", -40.5) in made.samples
    assert {"load1", "mem_available_bytes", "disk_used_bytes"} <= {sample.metric for sample in made.samples}
    assert (made.host, made.sweep_id, made.taken_at, made.duration_ms) == ("web1", 7, NOW * 1000, 1500)


def test_a_host_without_an_answer_leaves_no_numbers() -> None:
    made = record(outcome(failure=failures.cancelled()), 7, RULES, Past())
    assert (made.samples, made.findings, made.status) == ((), [], "failed")
