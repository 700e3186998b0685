"""Step 3: processes and threads that multiply, zombies, descriptors used up."""

from __future__ import annotations

import pytest

from fleet_collector.findings.expected import Expected
from fleet_collector.findings.thresholds import Thresholds

from .machine import Machine
from .verdict import first


def test_very_many_threads(here: Machine) -> None:
    fault = here.start("work", "threads", "threader", 850)
    cause = first(here.ask(), here)
    assert cause.rule == "processes.many_threads"
    assert cause.evidence["pid"] == fault.pid
    assert cause.message.startswith(f"threader (pid {fault.pid}) has 85")


def test_zombies_are_blamed_on_their_parent(here: Machine) -> None:
    fault = here.start("work", "zombies", "careless", 12)
    cause = first(here.ask(), here)
    assert cause.rule == "processes.zombies"
    assert cause.message == f"careless (pid {fault.pid}) leaves 12 zombies of careless"


@pytest.mark.full
def test_a_service_that_was_stopped_by_a_signal(host: Machine) -> None:
    fault = host.start("sockets", "listen", "shop", "127.0.0.1", 8080)
    host.run("kill", "-STOP", str(fault.pid))
    cause = first(host.ask(), host)
    host.run("kill", "-CONT", str(fault.pid))
    assert cause.rule == "processes.stopped"
    assert cause.message == f"shop (pid {fault.pid}) was stopped by a signal and holds tcp/8080"


def test_descriptors_used_up(here: Machine) -> None:
    fault = here.start("work", "descriptors", "leaker", 256)
    cause = first(here.ask(), here)
    assert cause.rule == "processes.open_files"
    assert cause.severity == "critical"
    assert cause.message == f"leaker (pid {fault.pid}) has 256 of 256 files open"


def test_very_many_processes(here: Machine) -> None:
    here.start("work", "processes", "breeder", 300)
    cause = first(here.ask(thresholds=Thresholds(processes_one_name=250)), here)
    assert cause.rule == "processes.one_name"
    assert cause.subject == "breeder"


@pytest.mark.full
def test_very_many_young_processes_need_no_threshold_of_their_own(host: Machine) -> None:
    host.start("work", "processes", "breeder", 300)
    cause = first(host.ask(), host)
    assert cause.rule == "processes.one_name"
    assert cause.subject == "breeder"


def test_a_wanted_process_that_is_not_there(here: Machine) -> None:
    here.names.add("no-such-daemon")
    cause = first(here.ask(expected=Expected(processes=("no-such-daemon",))), here)
    assert cause.rule == "processes.wanted"
    assert cause.message == "No process no-such-daemon runs"
