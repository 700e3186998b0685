"""Identity, processor, memory, processes, services: each rule on both sides of its thresholds."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_collector.findings.expected import Expected
from fleet_collector.findings.past import Past, recall
from fleet_collector.findings.thresholds import GIB, MIB, Thresholds
from fleet_collector.snapshot import Section
from fleet_collector.snapshot.cpu import CpuParent, CpuProcess
from fleet_collector.snapshot.fact import Pressure, Process
from fleet_collector.snapshot.identity import KernelMessage
from fleet_collector.snapshot.memory import MemoryProcess, OomKill
from fleet_collector.snapshot.processes import (
    BlockedTask,
    FdProcess,
    Inotify,
    ProcessGroup,
    TaskLimit,
    ThreadProcess,
    WantedProcess,
    Zombies,
)
from fleet_collector.snapshot.services import Services, Unit
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


@pytest.mark.parametrize(
    ("process", "found"),
    [
        (Process(pid=900, name="nginx"), True),  # it listens
        (Process(pid=7, name="shop", unit="shop.service"), True),
        (Process(pid=7, name="vim", unit="session-3.scope"), False),
    ],
)
def test_a_stopped_process(process: Process, found: bool) -> None:
    facts = but(hosts.PROCESSES, stopped=[process])
    assert rules(subject(processes=facts)) == ({"processes.stopped": "warning"} if found else {})


@pytest.mark.parametrize(("used", "severity"), [(102, None), (103, "warning"), (116, "critical")])
def test_inotify_used_up(used: int, severity: str | None) -> None:
    one = Inotify(pid=7, name="code", user="ann", kind="instances", used=used, limit=128, most=90)
    found = rules(subject(processes=but(hosts.PROCESSES, inotify=[one])))
    assert found == ({"processes.inotify": severity} if severity else {})


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


MEMORY_CASES: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"total_bytes": 8 * GIB, "available_bytes": 499 * MIB}, {"memory.available": "warning"}),
    ({"total_bytes": 8 * GIB, "available_bytes": 501 * MIB}, {}),
    ({"total_bytes": 16 * GIB, "available_bytes": 700 * MIB}, {"memory.available": "warning"}),
    ({"total_bytes": 64 * GIB, "available_bytes": 1020 * MIB}, {"memory.available": "critical"}),
    ({"total_bytes": 8 * GIB, "available_bytes": 99 * MIB}, {"memory.available": "critical"}),
    ({"total_bytes": 1 * GIB, "available_bytes": 210 * MIB}, {}),
    ({"total_bytes": 1 * GIB, "available_bytes": 200 * MIB}, {"memory.available": "warning"}),
    ({"pressure": Pressure(full_avg60=5.0)}, {"memory.pressure": "warning"}),
    ({"pressure": Pressure(full_avg60=10.0)}, {"memory.pressure": "critical"}),
    ({"pressure": Pressure(full_avg60=4.9)}, {}),
    ({"swap_in_bytes_per_second": 2e6, "swap_out_bytes_per_second": 2e6}, {"memory.swapping": "warning"}),
    ({"swap_in_bytes_per_second": 2e6, "swap_out_bytes_per_second": 1e5}, {}),
    ({"swap_out_bytes_per_second": 2e6}, {}),
    ({"meminfo": {"HardwareCorrupted": 4096}}, {"memory.hardware": "warning"}),
    ({"oom": [OomKill(at=NOW - 60, pid=5, name="java")]}, {"memory.oom": "warning"}),
    ({"oom": [OomKill(at=NOW - 7200, pid=5, name="java")]}, {}),
    (
        {
            "swap_total_bytes": GIB,
            "swap_used_bytes": GIB,
            "swap_used_percent": 91.0,
            "available_bytes": 2 * GIB,
        },
        {"disk.swap": "warning"},
    ),
    (
        {"swap_total_bytes": GIB, "swap_used_bytes": GIB, "swap_used_percent": 99.0, "available_bytes": GIB},
        {"disk.swap": "critical"},
    ),
    ({"swap_total_bytes": GIB, "swap_used_percent": 89.0, "available_bytes": 2 * GIB}, {}),
]


@pytest.mark.parametrize(("facts", "expected"), MEMORY_CASES)
def test_memory(facts: dict[str, Any], expected: dict[str, str]) -> None:
    assert rules(subject(memory=but(hosts.MEMORY, **facts))) == expected


def test_memory_names_its_largest_holders() -> None:
    top = [MemoryProcess(pid=812, name="java", unit="shop.service", rss_bytes=7 * GIB)]
    finding = only(subject(memory=but(hosts.MEMORY, total_bytes=8 * GIB, available_bytes=300 * MIB, top=top)))
    assert finding.subject == "java"
    assert (
        "300 MiB of 8.0 GiB memory left; largest: java (pid 812, unit shop.service) 7.0 GiB"
        in finding.message
    )


def test_memory_thresholds_that_are_set_stand_alone() -> None:
    facts = subject(thresholds=Thresholds(memory_available_bytes=10 * GIB))
    assert rules(facts) == {"memory.available": "warning"}


def test_a_kill_by_the_kernel_is_news_since_the_last_scan() -> None:
    killed = but(
        hosts.MEMORY, oom=[OomKill(at=NOW - 7200, pid=5, name="java", unit="shop.service", rss_bytes=GIB)]
    )
    finding = only(subject(memory=killed, past=hosts.nights(1)))
    assert (
        "killed java (pid 5, unit shop.service) for lack of memory 2 h ago; it held 1.0 GiB"
        in finding.message
    )


def test_kills_are_counted_where_the_log_is_denied() -> None:
    now = but(hosts.MEMORY, oom=None, oom_kills=5)
    past = hosts.nights(1, memory=but(hosts.MEMORY, oom_kills=3))
    assert (
        "killed 2 processes for lack of memory since the last scan"
        in only(subject(memory=now, past=past)).message
    )
    reboot = but(hosts.IDENTITY, boot_id="boot-2")
    assert "memory.oom" not in rules(subject(memory=now, past=past, identity=reboot))


PARENT = Process(pid=44, name="worker", unit="job.service")


def stuck(count: int, **changes: Any) -> list[BlockedTask]:
    return [
        BlockedTask(pid=n, name="tar", both_samples=True, wait_channel="io_schedule", **changes)
        for n in range(count)
    ]


PROCESS_CASES: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"zombies": [Zombies(parent=PARENT, count=5)]}, {"processes.zombies": "warning"}),
    ({"zombies": [Zombies(parent=PARENT, count=4)]}, {}),
    ({"blocked": stuck(3)}, {"processes.blocked": "warning"}),
    ({"blocked": stuck(2)}, {}),
    (
        {"top_open_files": [FdProcess(pid=4, name="x", open_files=820, limit=1024)]},
        {"processes.open_files": "warning"},
    ),
    (
        {"top_open_files": [FdProcess(pid=4, name="x", open_files=922, limit=1024)]},
        {"processes.open_files": "critical"},
    ),
    ({"top_open_files": [FdProcess(pid=4, name="x", open_files=800, limit=1024)]}, {}),
    ({"open_files": 81, "open_files_max": 100}, {"processes.open_files_system": "warning"}),
    ({"open_files": 79, "open_files_max": 100}, {}),
    ({"threads": 26_300, "pid_max": 32_768}, {"processes.limit": "warning"}),
    ({"threads": 26_000, "pid_max": 32_768}, {}),
    ({"threads": 120_000}, {"processes.limit": "critical"}),
    ({"limits": [TaskLimit(scope="user shop", used=91, limit=100)]}, {"processes.limit": "critical"}),
    ({"limits": [TaskLimit(scope="user shop", used=79, limit=100)]}, {}),
    (
        {"groups": [ProcessGroup(name="bomb", count=200, rss_bytes=MIB, started_at=NOW - 60)], "total": 400},
        {"processes.one_name": "warning"},
    ),
    (
        {"groups": [ProcessGroup(name="bomb", count=199, rss_bytes=MIB, started_at=NOW - 60)], "total": 400},
        {},
    ),
    (
        {"groups": [ProcessGroup(name="bomb", count=200, rss_bytes=MIB, started_at=NOW - 60)], "total": 800},
        {},
    ),
    (
        {
            "groups": [ProcessGroup(name="old", count=1000, rss_bytes=MIB, started_at=NOW - DAY)],
            "total": 9000,
        },
        {"processes.one_name": "warning"},
    ),
    ({"groups": [ProcessGroup(name="kworker", count=1000, rss_bytes=0)], "total": 9000}, {}),
    ({"top_threads": [ThreadProcess(pid=4, name="x", threads=5000)]}, {"processes.many_threads": "warning"}),
    ({"top_threads": [ThreadProcess(pid=4, name="x", threads=4999)]}, {}),
    (
        {"top_threads": [ThreadProcess(pid=4, name="x", threads=800, started_at=NOW - 60)]},
        {"processes.many_threads": "warning"},
    ),
    ({"top_threads": [ThreadProcess(pid=4, name="x", threads=799, started_at=NOW - 60)]}, {}),
]


@pytest.mark.parametrize(("facts", "expected"), PROCESS_CASES)
def test_processes(facts: dict[str, Any], expected: dict[str, str]) -> None:
    assert rules(subject(processes=but(hosts.PROCESSES, **facts))) == expected


def test_one_blocked_task_is_enough_where_no_drive_is_busy() -> None:
    drives = [but(drive, util_percent=0.0) for drive in hosts.DISK.drives or []]
    frozen = but(hosts.PROCESSES, blocked=stuck(1))
    assert rules(subject(processes=frozen, disk=but(hosts.DISK, drives=drives))) == {
        "processes.blocked": "warning"
    }
    nfs = but(hosts.PROCESSES, blocked=[but(stuck(1)[0], wait_channel="rpc_wait_bit_killable")])
    assert rules(subject(processes=nfs, disk=but(hosts.DISK, drives=drives))) == {}


def test_far_more_processes_than_usual() -> None:
    crowd = but(hosts.PROCESSES, total=1200, threads=1440)
    assert rules(subject(processes=crowd)) == {}
    assert rules(subject(processes=crowd, past=hosts.nights(3))) == {"processes.unusual": "warning"}
    assert rules(subject(processes=crowd, past=hosts.nights(2))) == {}
    few = but(hosts.PROCESSES, total=18, threads=20)
    more = but(hosts.PROCESSES, total=90, threads=90)
    assert rules(subject(processes=more, past=hosts.nights(3, processes=few))) == {}


def test_a_wanted_process() -> None:
    wanted = Expected(processes=("nginx",))
    dead = but(hosts.PROCESSES, wanted=[WantedProcess(name="nginx", count=0)])
    alive = but(hosts.PROCESSES, wanted=[WantedProcess(name="nginx", count=2)])
    assert rules(subject(processes=dead, expected=wanted)) == {"processes.wanted": "critical"}
    assert rules(subject(processes=alive, expected=wanted)) == {}
    assert rules(subject(expected=wanted)) == {"processes.wanted": "unknown"}


def test_a_daemon_that_was_always_there() -> None:
    gone = but(hosts.PROCESSES, groups=(hosts.PROCESSES.groups or [])[1:])
    finding = only(subject(processes=gone, past=hosts.nights(3)))
    assert (finding.rule, finding.severity) == ("processes.learned_missing", "warning")
    assert finding.message == "nginx ran at the last 3 scans and does not now"
    assert rules(subject(processes=gone, past=hosts.nights(2))) == {}


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
