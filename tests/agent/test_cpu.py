from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fleet_agent.checks import cpu
from fleet_agent.host import Host
from fleet_agent.pressure import parse_pressure
from fleet_agent.section import Section
from fleet_agent.table import TICKS_PER_SECOND, Table, parse_stat

EARLIER = "cpu  100 0 50 1000 40 1 2 3 0 0\ncpu0 60 0 30 500 20 1 2 3 0 0\ncpu1 40 0 20 500 20 0 0 0 0 0\n"
LATER = (
    "cpu  200 0 100 1040 39 1 12 13 0 0\ncpu0 160 0 80 500 19 1 2 3 0 0\ncpu1 40 0 20 540 20 0 10 10 0 0\n"
    "intr 5 0 0\nctxt 700\nbtime 1\nprocesses 90\nprocs_running 3\nprocs_blocked 2\n"
)


def test_shares_of_all_cores() -> None:
    share = cpu.percent(cpu.parse_cpu_stat(EARLIER)["cpu"], cpu.parse_cpu_stat(LATER)["cpu"])
    assert share["user"] == pytest.approx(100 * 100 / 210, abs=0.01)
    assert share["iowait"] == 0  # it ran backwards
    assert share["busy"] == pytest.approx(100 * 170 / 210, abs=0.01)
    assert sum(share[mode] for mode in cpu.MODES) == pytest.approx(100, abs=0.05)


def test_no_time_gives_no_share() -> None:
    assert cpu.percent([1] * 8, [1] * 8) is None


def test_counters_of_proc_stat() -> None:
    stat = cpu.parse_cpu_stat(LATER)
    assert stat["cpu"] == [200, 0, 100, 1040, 39, 1, 12, 13]
    assert len(stat["cores"]) == 2
    assert (stat["ctxt"], stat["processes"], stat["procs_running"], stat["procs_blocked"]) == (700, 90, 3, 2)


def test_old_kernels_have_fewer_columns() -> None:
    assert cpu.parse_cpu_stat("cpu  1 2 3 4\n")["cpu"] == [1, 2, 3, 4, 0, 0, 0, 0]


def test_load_averages() -> None:
    assert cpu.parse_loadavg("0.63 0.46 0.40 1/101 8812\n") == {
        "load1": 0.63,
        "load5": 0.46,
        "load15": 0.40,
        "tasks": 101,
    }


def row(pid: int, ticks: int, started: int = 10) -> object:
    fields = f"{pid} (x) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 {started} 0 0"
    return parse_stat(fields)


def test_the_top_counts_the_interval_only() -> None:
    rows = {1: row(1, 500), 2: row(2, 40), 3: row(3, 9), 4: row(4, 7, started=99)}
    earlier = {1: (10, 500, "S"), 2: (10, 20, "S"), 4: (10, 3, "S")}
    top = [(round(share), one.pid) for share, one in cpu.top(rows, earlier, 0.5)]
    tick = 100 / TICKS_PER_SECOND / 0.5
    assert top == [(20 * tick, 2), (9 * tick, 3), (7 * tick, 4)]  # 4 is a new process with an old pid


def test_whose_children_came_and_went() -> None:
    code = "import os\nprint(flush=True)\nwhile 1: os.posix_spawn('/bin/true', ['true'], {}) and os.wait()"
    with subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE) as spawner:
        assert spawner.stdout is not None
        spawner.stdout.readline()
        table = Table(Host())
        table.read()
        time.sleep(0.5)
        table.read()
        parents = {one["pid"]: one for one in cpu._parents(table)}
        stuck = table.stuck(table.rows[spawner.pid])
        spawner.kill()
    assert parents[spawner.pid]["children_core_percent"] > 0
    assert not stuck  # in state D while it waits for vfork(2), and at work


def test_pressure() -> None:
    text = (
        "some avg10=0.07 avg60=0.72 avg300=0.29 total=4927189\n"
        "full avg10=1.50 avg60=0.00 avg300=0.00 total=0\n"
    )
    assert parse_pressure(text) == {
        "some_avg10": 0.07,
        "some_avg60": 0.72,
        "some_avg300": 0.29,
        "full_avg10": 1.5,
        "full_avg60": 0.0,
        "full_avg300": 0.0,
    }
    assert "full_avg10" not in parse_pressure(text.split("\n", maxsplit=1)[0])


def test_no_pressure_is_absent_and_not_zero(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/stat").write_text(LATER)
    host = Host(str(tmp_path))
    section = Section(host, {}, Table(host), cpu.sample(host), 1.0)
    assert cpu.collect(section)["pressure"] is None
    assert section.notes["pressure"] == "absent"


@pytest.mark.parametrize(
    ("files", "usable"),
    [
        ({"cgroup.controllers": "cpu memory", "box/cpu.max": "50000 100000"}, 0.5),
        ({"cgroup.controllers": "cpu", "cpu.max": "150000 100000", "box/cpu.max": "max 100000"}, 1.5),
        (
            {
                "cpu/cgroup.procs": "",
                "cpu/box/cpu.cfs_quota_us": "25000",
                "cpu/box/cpu.cfs_period_us": "100000",
            },
            0.25,
        ),
        ({"cpu,cpuacct/cgroup.procs": "", "cpu,cpuacct/cpu.cfs_quota_us": "-1"}, 2.0),
        ({"cgroup.controllers": "cpu", "box/cpu.max": "rubbish"}, 2.0),
        ({}, 2.0),
    ],
)
def test_usable_cores_by_quota(tmp_path: Path, files: dict[str, str], usable: float) -> None:
    for name, text in {"proc/self/cgroup": "3:cpu,cpuacct:/box\n0::/box\n", "proc/stat": LATER}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name, text in files.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    host = Host(str(tmp_path))
    assert cpu.collect(Section(host, {}, Table(host)))["usable_cores"] == usable


def test_a_busy_process_is_seen_with_its_share() -> None:
    host, table = Host(), Table(Host())
    table.read()
    first = cpu.sample(host)
    before, begun = psutil.Process().cpu_times(), time.monotonic()
    while time.monotonic() < begun + 0.5:
        pass
    after = psutil.Process().cpu_times()
    table.read()
    spent = after.user + after.system - before.user - before.system
    facts = cpu.collect(Section(host, {}, table, first, 0.5))
    spent_ever = psutil.Process().cpu_times()
    [mine] = [one for one in facts["top"] if one["pid"] == os.getpid()]
    assert mine["core_percent"] * table.seconds / 100 == pytest.approx(spent, abs=0.1)
    assert mine["machine_percent"] == pytest.approx(mine["core_percent"] / facts["cores"], abs=0.1)
    assert mine["cpu_seconds"] == pytest.approx(spent_ever.user + spent_ever.system, abs=0.3)
    assert facts["percent"]["busy"] > 0
    assert facts["cores"] == psutil.cpu_count()
