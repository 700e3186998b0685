from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from fleet_agent.checks import memory
from fleet_agent.host import Host
from fleet_agent.section import Section
from fleet_agent.table import PAGE_BYTES, Table

MEMINFO = (
    "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    250 kB\nBuffers:          10 kB\n"
    "Cached:           60 kB\nShmem:            20 kB\nSwapTotal:       200 kB\nSwapFree:         50 kB\n"
    "HugePages_Total:       3\nbroken\n"
)


def test_what_is_left() -> None:
    facts = memory.summary(memory.parse_meminfo(MEMINFO))
    assert facts["available_bytes"] == 250 * 1024
    assert facts["used_percent"] == 75.0
    assert facts["swap_used_bytes"] == 150 * 1024
    assert facts["swap_used_percent"] == 75.0
    assert facts["meminfo"]["HugePages_Total"] == 3


def test_without_memavailable_it_is_estimated() -> None:
    text = MEMINFO.replace("MemAvailable:    250 kB\n", "")
    assert memory.summary(memory.parse_meminfo(text))["available_bytes"] == (100 + 10 + 60 - 20) * 1024


def test_no_swap_is_no_share_of_swap() -> None:
    text = MEMINFO.replace("200 kB", "0 kB").replace(" 50 kB", " 0 kB")
    assert memory.summary(memory.parse_meminfo(text))["swap_used_percent"] is None


def test_direct_reclaims_of_all_zones_are_one_number() -> None:
    text = "pswpin 1\nallocstall_normal 3\nallocstall_movable 4\npgfault 99\noom_kill 2\n"
    assert memory.parse_vmstat(text) == {"pswpin": 1, "allocstall": 7, "oom_kill": 2}


def test_anonymous_and_swapped_bytes() -> None:
    text = "Name:\tshop\nVmRSS:\t  900 kB\nRssAnon:\t     512 kB\nVmSwap:\t       8 kB\n"
    assert memory.parse_status(text) == {"anon_bytes": 512 * 1024, "swap_bytes": 8 * 1024}


def tree(root: Path, files: dict[str, str]) -> Host:
    for name, text in {"proc/meminfo": MEMINFO, "proc/vmstat": "pswpin 5\noom_kill 0\n", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Host(str(root))


def test_rates_are_over_the_interval(tmp_path: Path) -> None:
    host = tree(tmp_path, {})
    now, counters = memory.sample(host)
    first = (now - 2.0, {**counters, "pswpin": 1})
    facts = memory.collect(Section(host, {}, Table(host), first, 2.0))
    assert facts["swap_in_bytes_per_second"] == pytest.approx(2 * PAGE_BYTES, rel=0.01)
    assert facts["counters"]["pswpin"] == [1, 5]
    assert "major_faults_per_second" not in facts


@pytest.mark.parametrize("version", [1, 2])
def test_control_groups_by_fill_without_droppable_cache(tmp_path: Path, version: int) -> None:
    files = {
        1: {
            "memory/cgroup.procs": "",
            "memory/a/memory.limit_in_bytes": "1000",
            "memory/a/memory.usage_in_bytes": "900",
            "memory/a/memory.stat": "cache 5\ntotal_inactive_file 300\n",
            "memory/a/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n",
            "memory/b/memory.limit_in_bytes": "9223372036854771712",
            "memory/b/memory.usage_in_bytes": "900",
            "memory/c/d/memory.limit_in_bytes": "1000",
            "memory/c/d/memory.usage_in_bytes": "990",
        },
        2: {
            "cgroup.controllers": "memory",
            "a/memory.max": "1000",
            "a/memory.current": "900",
            "a/memory.stat": "anon 5\ninactive_file 300\n",
            "a/memory.events": "low 0\noom 1\noom_kill 4\n",
            "b/memory.max": "max",
            "b/memory.current": "900",
            "c/d/memory.max": "1000",
            "c/d/memory.current": "990",
        },
    }[version]
    host = tree(tmp_path, {"sys/fs/cgroup/" + name: text for name, text in files.items()})
    facts = memory.collect(Section(host, {}, Table(host)))
    assert facts["groups"] == [
        {"path": "/c/d", "used_bytes": 990, "limit_bytes": 1000},
        {"path": "/a", "used_bytes": 600, "limit_bytes": 1000, "oom_kills": 4},
    ]


def test_oom_kills_come_from_the_kernel_log(tmp_path: Path) -> None:
    log = (
        "3,101,2000000,-;oom-kill:constraint=CONSTRAINT_NONE,task_memcg=/system.slice/shop.service,"
        "task=java,pid=812,uid=0\n"
        "3,102,2000100,-;Out of memory: Killed process 812 (java) total-vm:4096kB, anon-rss:2048kB, "
        "file-rss:4kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0\n"
    )
    files = {"proc/vmstat": "oom_kill 1\n", "proc/uptime": "100.0 1.0\n", "dev/kmsg": log}
    host = tree(tmp_path, files)
    table = Table(host)
    table.booted_at = 1000
    assert memory.collect(Section(host, {}, table))["oom"] == [
        {
            "at": 1002.0,
            "name": "java",
            "pid": 812,
            "in_group": False,
            "rss_bytes": 2052 * 1024,
            "unit": "shop.service",
        }
    ]


def test_the_machine_agrees_with_psutil() -> None:
    host, table = Host(), Table(Host())
    table.read()
    facts = memory.collect(Section(host, {}, table))
    oracle = psutil.virtual_memory()
    assert facts["total_bytes"] == oracle.total
    assert facts["available_bytes"] == pytest.approx(oracle.available, rel=0.05)
    assert facts["swap_total_bytes"] == psutil.swap_memory().total
    first = max(psutil.process_iter(["memory_info"]), key=lambda one: one.info["memory_info"].rss)
    assert first.pid in {one["pid"] for one in facts["top"][:3]}
