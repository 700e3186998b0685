from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from fleet_agent import wanted
from fleet_agent.checks import processes
from fleet_agent.host import Host
from fleet_agent.runner import DEFAULTS
from fleet_agent.section import Section
from fleet_agent.table import Table


def test_soft_limits() -> None:
    text = (
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max processes             96365                96365                processes \n"
        "Max open files            1024                 524288               files     \n"
    )
    assert processes.parse_limits(text) == {"files": 1024, "processes": 96365}
    assert processes.parse_limits(text.replace("1024 ", "unlimited ")) == {"files": None, "processes": 96365}
    assert processes.parse_limits("") == {}


def test_open_files_of_the_system() -> None:
    assert processes.parse_file_nr("555\t5\t2466183\n") == {"open_files": 550, "open_files_max": 2466183}


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["/usr/sbin/nginx", "-g", "x"], {"nginx"}),
        (["nginx: master process"], {"nginx"}),
        (["python3", "/opt/shop/worker.py", "--fast"], {"python3", "worker.py", "worker"}),
        (["python3.11", "-u", "-W", "error", "worker.py"], {"python3.11", "worker.py", "worker"}),
        (["/usr/bin/python3", "-m", "http.server"], {"python3", "http.server"}),
        (["python3", "-c", "pass", "worker.py"], {"python3"}),
        (["java", "-Xmx1g", "-cp", "a.jar:b.jar", "org.shop.Main"], {"java", "org.shop.Main"}),
        (["java", "-jar", "/opt/shop.jar"], {"java", "shop.jar", "shop"}),
        (["/bin/sh", "/etc/init.d/shop.sh"], {"sh", "shop.sh", "shop"}),
        ([], set()),
    ],
)
def test_names_a_command_line_goes_by(words: list[str], names: set[str]) -> None:
    assert wanted.titles(words) == names


def section(**request: object) -> Section:
    host = Host()
    table = Table(host)
    table.read()
    return Section(host, {**DEFAULTS, **request}, table)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    script = tmp_path / "shop-billing-worker.py"
    script.write_text("print('up', flush=True)\ninput()\n")
    process = subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_wanted_processes_are_found_or_counted_as_none(worker: subprocess.Popen[bytes]) -> None:
    own = Path(f"/proc/{os.getpid()}/comm").read_text().strip()
    facts = processes.collect(section(processes=["shop-billing-worker", "no-such-thing", own]))
    script, missing, me = facts["wanted"]
    assert (script["count"], script["pids"]) == (1, [worker.pid])
    assert script["newest_started_at"] == pytest.approx(psutil.Process(worker.pid).create_time(), abs=0.05)
    assert (missing["count"], missing["pids"]) == (0, [])
    assert os.getpid() in me["pids"]


def test_a_zombie_is_charged_to_its_parent() -> None:
    before = sum(one["count"] for one in processes.collect(section())["zombies"] if _is_mine(one))
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # dead, and not collected
    try:
        facts = processes.collect(section())
    finally:
        os.waitpid(child, 0)
    [mine] = filter(_is_mine, facts["zombies"])
    assert mine["count"] == before + 1
    assert "true" in mine["names"]
    assert facts["states"]["Z"] >= 1


def _is_mine(zombies: dict[str, Any]) -> bool:
    return bool(zombies["parent"]["pid"] == os.getpid())


def test_many_open_files_and_threads_stand_on_top() -> None:
    go_on = threading.Event()
    threads = [threading.Thread(target=go_on.wait) for _ in range(60)]
    files = [os.open("/dev/null", os.O_RDONLY) for _ in range(700)]
    for thread in threads:
        thread.start()
    try:
        facts = processes.collect(section())
        oracle = psutil.Process()
        most_files, most_threads = oracle.num_fds(), oracle.num_threads()
        soft, _ = oracle.rlimit(psutil.RLIMIT_NOFILE)
    finally:
        go_on.set()
        for descriptor in files:
            os.close(descriptor)
    [mine] = [one for one in facts["top_open_files"] if one["pid"] == os.getpid()]
    assert mine["open_files"] == pytest.approx(most_files, abs=4)
    assert mine["limit"] == soft
    [mine] = [one for one in facts["top_threads"] if one["pid"] == os.getpid()]
    assert mine["threads"] == most_threads


def _named(name: str) -> set[int]:
    """The living; tests beside this one leave zombies until they end."""
    every = psutil.process_iter(["name", "status"])
    return {
        one.pid for one in every if one.info["name"] == name and one.info["status"] != psutil.STATUS_ZOMBIE
    }


def test_the_machine_agrees_with_psutil() -> None:
    own = psutil.Process()
    for _ in range(200):  # other tests start and end processes meanwhile
        before = _named(own.name())
        facts = processes.collect(section())
        if len(before) == next(one["count"] for one in facts["groups"] if one["name"] == own.name()):
            break
    assert facts["total"] == pytest.approx(len(psutil.pids()), abs=20)
    assert sum(facts["states"].values()) == facts["total"]
    [group] = [one for one in facts["groups"] if one["name"] == own.name()]
    assert group["count"] == len(before)
    assert group["rss_bytes"] >= own.memory_info().rss * 0.8
    assert group["started_at"] <= own.create_time() + 0.05


def test_a_recorded_task_in_uninterruptible_sleep(tmp_path: Path) -> None:
    stat = "{} ({}) D 1 1 1 0 -1 0 0 0 0 0 5 0 0 0 20 0 1 0 10 0 100"
    for pid, name in ((1, "init"), (812, "mysqld")):
        (tmp_path / f"proc/{pid}").mkdir(parents=True)
        (tmp_path / f"proc/{pid}/stat").write_text(stat.format(pid, name))
    (tmp_path / "proc/812/wchan").write_text("rpc_wait_bit_killable")
    (tmp_path / "proc/stat").write_text("cpu 1\nbtime 1000\n")
    host = Host(str(tmp_path))
    table = Table(host)
    table.read()
    (tmp_path / "proc/1/stat").write_text(stat.format(1, "init").replace(" D ", " S "))
    time.sleep(0.01)
    table.read()
    facts = processes.collect(Section(host, DEFAULTS, table))
    [blocked] = facts["blocked"]
    assert blocked["pid"] == 812
    assert blocked["wait_channel"] == "rpc_wait_bit_killable"
    assert blocked["both_samples"] is True


def test_task_limits_of_control_groups(tmp_path: Path) -> None:
    top = tmp_path / "sys/fs/cgroup"
    for path, current, limit in (("shop", "90", "100"), ("idle", "1", "100"), ("free", "9", "max")):
        (top / path).mkdir(parents=True)
        (top / path / "pids.current").write_text(current)
        (top / path / "pids.max").write_text(limit)
    (top / "cgroup.controllers").write_text("pids")
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/stat").write_text("1 (init) S 0 1 1 0 -1 0 0 0 0 0 5 0 0 0 20 0 1 0 10 0 100")
    (tmp_path / "proc/stat").write_text("cpu 1\nbtime 1000\n")
    host = Host(str(tmp_path))
    table = Table(host)
    table.read()
    facts = processes.collect(Section(host, DEFAULTS, table))
    assert facts["limits"] == [{"scope": "cgroup shop", "used": 90, "limit": 100}]


def test_a_tree_without_processes_is_absent(tmp_path: Path) -> None:
    host = Host(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        processes.collect(Section(host, DEFAULTS, Table(host)))
