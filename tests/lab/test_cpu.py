"""Step 1: who eats the CPU."""

from __future__ import annotations

import os

import pytest

from fleet_collector.findings.thresholds import Thresholds

from .machine import Machine
from .verdict import first

CORES = os.cpu_count() or 1


def test_a_hog_is_named(here: Machine) -> None:
    hog = here.start("work", "cpu_hog", "cruncher", CORES)
    # Without rights over others its share is what the other tests leave it.
    cause = first(here.ask(thresholds=Thresholds(cpu_application_percent=2.0)), here)
    assert cause.rule == "cpu.application"
    assert cause.subject == hog.name
    assert cause.severity == "warning"


@pytest.mark.full
def test_a_hog_is_named_at_the_default_thresholds(host: Machine) -> None:
    host.start("work", "cpu_hog", "cruncher", (CORES + 1) // 2, -20)
    cause = first(host.ask(interval_seconds=1.0), host)
    assert cause.rule == "cpu.application"
    assert cause.subject == "cruncher"
    assert "cruncher" in cause.evidence["name"]
    assert cause.evidence["machine_percent"] >= 44
