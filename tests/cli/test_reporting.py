"""What the end of a sweep does besides the report: it looks ahead, and thins what is old, within bounds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fleet_cli import reporting
from fleet_collector import store
from fleet_collector.trends import samples
from tests.cli import seeded
from tests.cli.conftest import Fleet
from tests.collector.nights import DAY_MS, Host, keep, line
from tests.program import Program


def scans_of(database: Path, host: str) -> list[int]:
    """How many samples each scan of a host still has."""
    with store.connect(str(database)) as opened:
        return [scan.samples for scan in store.scans(opened, host)]


def crowd(program: Program, count: int, days_ago: float) -> None:
    """Many scans of one old day."""
    with store.connect(str(program.database)) as opened:
        start = time.time() - days_ago * 86400
        day = start - start % 86400
        number = store.begin_sweep(opened, asked="watch", hosts=["old"])
        store.save(opened, [seeded.answered("old", number, day + minute * 60) for minute in range(count)])
        store.finish_sweep(opened, number)


@pytest.mark.full
def test_a_sweep_thins_what_is_old(fleet: Fleet, program: Program) -> None:
    crowd(program, 5, 20)
    assert fleet("scan", "--local", "--exit-zero").code == 0
    assert [bool(samples) for samples in scans_of(program.database, "old")] == [True] + 4 * [False]


@pytest.mark.full
def test_and_not_more_of_it_than_its_bound(
    fleet: Fleet, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "LEAST_PRUNED", 3)
    crowd(program, 9, 20)
    fleet("scan", "--local", "--exit-zero")
    assert sum(map(bool, scans_of(program.database, "old"))) == 9 - 2
    fleet("scan", "--local", "--exit-zero")
    assert sum(map(bool, scans_of(program.database, "old"))) == 9 - 5


@pytest.mark.full
def test_a_sweep_looks_ahead_for_its_own_hosts(fleet: Fleet, program: Program) -> None:
    fleet("scan", "--local", "--exit-zero")
    with store.connect(str(program.database)) as opened:
        (name,) = store.host_names(opened)
        left = store.latest_values(opened, [name])[name]["mem_available_bytes", ""]
        falling: Host = {("mem_available_bytes", ""): line(left * 5, -left / 10, 0.1)}
        keep(opened, {name: falling, "other": falling}, last=time.time_ns() // 1_000_000 - DAY_MS)
    fleet("scan", "--local", "--exit-zero")
    with store.connect(str(program.database)) as opened:
        kept = store.forecasts(opened)
    assert [(key.host, key.metric) for key, _ in kept] == [(name, "mem_available_bytes")]


def test_hosts_are_foretold_once_there_can_be_a_trend() -> None:
    assert reporting.FORETOLD_AFTER == samples.LEAST_SAMPLES


def test_a_notice_of_opening_is_told_once_by_a_sweep(
    fleet: Fleet, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = store.connect

    def noticing(address: str, *, create: bool) -> store.Database:
        opened = connect(address, create=create)
        opened.notices.append("7 results were brought in")
        return opened

    monkeypatch.setattr(store, "connect", noticing)
    said = fleet("scan", "127.0.0.1", "--port", "1", "--quiet")
    assert said.err.count("7 results were brought in") == 1
