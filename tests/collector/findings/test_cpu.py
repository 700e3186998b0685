"""Identity, processor, memory, processes, services: each rule on both sides of its thresholds."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_collector.findings.thresholds import Thresholds
from fleet_collector.snapshot.cpu import CpuParent, CpuProcess
from fleet_collector.snapshot.fact import Pressure
from tests.collector import hosts
from tests.collector.hosts import DAY, NOW, alarms, but, only, rules, subject


def hog(**changes: Any) -> CpuProcess:
    usual: dict[str, Any] = {
        "pid": 812,
        "name": "java",
        "unit": "shop.service",
        "core_percent": 240.0,
        "machine_percent": 60.0,
        "threads": 40,
        "started_at": NOW - 9,
        "nice": 0,
    }
    return CpuProcess(**(usual | changes))


def test_an_application_above_half_of_the_machine_is_named() -> None:
    finding = only(subject(cpu=but(hosts.CPU, top=[hog()])))
    assert (finding.rule, finding.severity, finding.subject) == ("cpu.application", "warning", "java")
    assert "java (pid 812, unit shop.service) uses 60 % of the machine" in finding.message
    assert finding.evidence["pid"] == 812


@pytest.mark.parametrize(
    ("process", "load1", "load5", "found"),
    [
        (hog(machine_percent=43.0, core_percent=172.0), 0.4, 0.5, False),
        (hog(machine_percent=50.0, core_percent=200.0), 0.4, 0.5, True),
        (hog(started_at=NOW - DAY), 0.4, 0.5, False),
        (hog(started_at=NOW - DAY), 2.5, 1.2, True),  # the load confirms
        (hog(started_at=NOW - DAY, cpu_seconds=2.0 * DAY), 0.4, 0.5, True),  # so does its whole life
        (hog(started_at=NOW - 100, cpu_seconds=10.0), 0.4, 0.5, False),
        (hog(started_at=None), 0.4, 0.5, False),
        (hog(started_at=None), 2.0, 0.5, True),
        (hog(nice=10), 0.4, 0.5, False),
    ],
)
def test_a_burst_is_no_hog(process: CpuProcess, load1: float, load5: float, found: bool) -> None:
    facts = but(hosts.CPU, top=[process], load1=load1, load5=load5)
    assert rules(subject(cpu=facts)) == ({"cpu.application": "warning"} if found else {})


def test_one_thread_that_fills_a_core_of_two() -> None:
    facts = but(hosts.CPU, cores=2, usable_cores=2.0, top=[hog(core_percent=97.0, machine_percent=48.5)])
    assert rules(subject(cpu=facts)) == {"cpu.application": "warning"}


def single(minutes: float = 30, share: float = 0.97, **changes: Any) -> CpuProcess:
    """A process of one thread that fills a core of sixteen."""
    usual: dict[str, Any] = {"threads": 1, "core_percent": 99.0, "machine_percent": 6.2}
    usual |= {"started_at": NOW - minutes * 60, "cpu_seconds": share * minutes * 60}
    return hog(**(usual | changes))


@pytest.mark.parametrize(
    ("process", "found"),
    [
        (single(), True),
        (single(minutes=9), False),
        (single(share=0.5), False),
        (single(core_percent=80.0), False),
        (single(threads=2), False),
        (single(threads=None), False),
        (single(nice=19), False),
        (single(started_at=None), False),
    ],
)
def test_one_thread_that_fills_a_core_of_many(process: CpuProcess, found: bool) -> None:
    facts = but(hosts.CPU, cores=16, usable_cores=16.0, top=[process])
    assert rules(subject(cpu=facts)) == ({"cpu.one_core": "warning"} if found else {})


def test_how_long_a_core_was_full_is_told() -> None:
    facts = but(hosts.CPU, cores=16, usable_cores=16.0, top=[single(name="ruby")])
    message = only(subject(cpu=facts)).message
    assert message.startswith("ruby (pid 812, unit shop.service) has filled one of 16 cores for 30 min")


def test_many_processes_of_one_name_count_together() -> None:
    workers = [hog(pid=n, name="php-fpm", core_percent=80.0, machine_percent=20.0) for n in range(1, 4)]
    finding = only(subject(cpu=but(hosts.CPU, top=workers)))
    assert "3 php-fpm processes use 60 %" in finding.message


def test_the_threshold_of_an_application_is_settable() -> None:
    facts = but(hosts.CPU, top=[hog()])
    assert rules(subject(cpu=facts, thresholds=Thresholds(cpu_application_percent=80.0))) == {}


def percent(**changes: Any) -> Any:
    return but(hosts.PERCENT, **changes)


WAITING = Pressure(some_avg10=60.0, some_avg60=50.0, full_avg10=40.0, full_avg60=10.0)
CPU_CASES: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"percent": percent(busy=95.0, idle=5.0), "load1": 4.5}, {"cpu.busy": "warning"}),
    ({"percent": percent(busy=89.0, idle=11.0), "load1": 4.5}, {}),
    ({"percent": percent(busy=95.0, nice=50.0, idle=5.0), "load1": 4.5}, {}),
    (
        {"percent": percent(busy=95.0, idle=5.0), "pressure": Pressure(some_avg60=51.0)},
        {"cpu.busy": "warning"},
    ),
    ({"load1": 8.0, "load5": 8.0, "blocked": 7}, {"cpu.load": "warning"}),
    ({"load1": 7.9, "load5": 9.0, "blocked": 7}, {}),
    ({"load1": 20.0, "load5": 20.0, "blocked": 19}, {"cpu.load": "critical"}),
    ({"load1": 20.0, "load5": 20.0, "blocked": 0}, {}),
    ({"load1": 20.0, "load5": 20.0, "pressure": Pressure(some_avg60=60.0)}, {"cpu.load": "critical"}),
    ({"load1": 20.0, "load5": 20.0, "percent": percent(busy=60.0, idle=40.0)}, {"cpu.load": "critical"}),
    ({"load1": 20.0, "load5": 20.0, "percent": percent(busy=99.0, idle=1.0, nice=80.0)}, {}),
    ({"percent": percent(steal=26.0)}, {"cpu.steal": "warning"}),
    ({"percent": percent(steal=24.0)}, {}),
    ({"hottest_core": percent(busy=99.0, softirq=60.0)}, {"cpu.hot_core": "warning"}),
    ({"hottest_core": percent(busy=99.0, softirq=40.0)}, {}),
    ({"hottest_core": percent(busy=90.0, softirq=60.0)}, {}),
    ({"throttled_percent": 25.0}, {"cpu.throttled": "warning"}),
    ({"throttled_percent": 24.0}, {}),
    ({"unexplained_percent": 40.0, "forks_per_second": 300.0, "load1": 5.0}, {"cpu.short_lived": "warning"}),
    ({"unexplained_percent": 40.0, "forks_per_second": 30.0, "load1": 5.0}, {}),
    ({"unexplained_percent": 20.0, "forks_per_second": 300.0, "load1": 5.0}, {}),
]


@pytest.mark.parametrize(("facts", "expected"), CPU_CASES)
def test_cpu(facts: dict[str, Any], expected: dict[str, str]) -> None:
    assert rules(subject(cpu=but(hosts.CPU, **facts))) == expected


@pytest.mark.parametrize(
    ("used", "born", "subject_of", "words"),
    [
        (120.0, 1, "cron", "; those of cron (pid 9) use 30 % of the machine"),
        (0.0, 40, "cron", "; 40 that are left are of cron (pid 9)"),
        (9.0, 2, "short processes", "too short-lived to be seen"),
    ],
)
def test_a_storm_of_short_processes_names_their_parent(
    used: float, born: int, subject_of: str, words: str
) -> None:
    parent = CpuParent(pid=9, name="cron", children_core_percent=used, children_born=born)
    storm = {"unexplained_percent": 40.0, "forks_per_second": 300.0, "load1": 5.0, "parents": [parent]}
    finding = only(subject(cpu=but(hosts.CPU, **storm)))
    assert (finding.rule, finding.subject) == ("cpu.short_lived", subject_of)
    assert finding.message.endswith(words)


def test_beside_other_containers_only_known_parents_are_blamed() -> None:
    shared = but(hosts.CPU, unexplained_percent=None, forks_per_second=300.0, load1=5.0, hidden_tasks=400)
    assert rules(subject(cpu=shared)) == {}
    parent = CpuParent(pid=9, name="cron", children_core_percent=140.0, children_born=1)
    finding = only(subject(cpu=but(shared, parents=[parent])))
    assert (finding.rule, finding.subject) == ("cpu.short_lived", "cron")


def test_load_of_others_on_the_same_kernel_is_told_as_such() -> None:
    full = percent(busy=100.0, idle=0.0)
    facts = but(hosts.CPU, load1=40.0, load5=40.0, percent=full, hidden_tasks=400)
    found = [(one.rule, one.severity, one.message) for one in alarms(subject(cpu=facts))]
    assert found == [
        ("cpu.busy", "warning", "The CPU is 100 % busy, by what cannot be seen from here"),
        ("cpu.load", "warning", "Load 40 over 5 min on 4 cores, by what cannot be seen from here"),
    ]


def test_a_busy_cpu_names_who_leads() -> None:
    full = percent(busy=94.0, idle=6.0)
    top = [hog(pid=pid, machine_percent=16.0, core_percent=64.0) for pid in (7, 8, 9)]
    finding = only(subject(cpu=but(hosts.CPU, load1=9.0, top=top, percent=full)))
    assert finding.message == "The CPU is 94 % busy, most of it java (48 %)"


def test_a_small_part_of_a_busy_cpu_is_not_called_most_of_it() -> None:
    top = [hog(machine_percent=5.0, core_percent=20.0)]
    finding = only(subject(cpu=but(hosts.CPU, load1=9.0, top=top, percent=percent(busy=100.0, idle=0.0))))
    assert finding.message == "The CPU is 100 % busy, of what is seen most by java (5.0 %)"


def test_load_of_an_idle_cpu_is_told_as_waiting() -> None:
    finding = only(subject(cpu=but(hosts.CPU, load1=12.0, load5=9.0, blocked=11)))
    assert "while the CPU is 88 % idle: tasks wait (11 blocked)" in finding.message


def test_steal_seen_twice_needs_less() -> None:
    stolen = but(hosts.CPU, percent=percent(steal=12.0))
    assert rules(subject(cpu=stolen, past=hosts.nights(2, cpu=stolen))) == {"cpu.steal": "warning"}
    assert rules(subject(cpu=stolen, past=hosts.nights(2))) == {}


@pytest.mark.parametrize(
    ("iowait", "pressure", "found"),
    [(25.0, WAITING, True), (19.0, WAITING, False), (25.0, hosts.CALM, False)],
)
def test_iowait_is_confirmed_by_pressure(iowait: float, pressure: Pressure, found: bool) -> None:
    facts = subject(
        cpu=but(hosts.CPU, percent=percent(iowait=iowait)), disk=but(hosts.DISK, pressure=pressure)
    )
    assert rules(facts) == ({"cpu.iowait": "warning"} if found else {})
