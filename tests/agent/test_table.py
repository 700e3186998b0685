from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from fleet_agent.host import Host
from fleet_agent.table import Table, parse_boot_time, parse_passwd, parse_stat, parse_unit

STAT = (
    "812 (a) (b c) S 1 812 812 0 -1 4194560 100 200 3 4 150 50 7 8 20 5 9 0 4711 52092928 4942 "
    "18446744073709551615 1 1 0 0 0 0 0 4096 1256 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0"
)


def test_a_name_may_hold_spaces_and_parentheses() -> None:
    row = parse_stat(STAT)
    assert (row.pid, row.name, row.state, row.parent) == (812, "a) (b c", "S", 1)
    assert (row.ticks, row.threads, row.started_ticks, row.nice) == (200, 9, 4711, 5)
    assert row.rss_bytes == 4942 * os.sysconf("SC_PAGE_SIZE")
    assert not row.kernel


def test_kernel_threads_are_told_by_their_flag() -> None:
    assert parse_stat(STAT.replace(" 4194560 ", " 2129984 ")).kernel


def test_boot_time() -> None:
    assert parse_boot_time("cpu 1 2\nctxt 5\nbtime 1795366013\nprocesses 9\n") == 1795366013


def test_the_first_name_of_a_uid_counts() -> None:
    text = "root:x:0:0:r:/root:/bin/sh\ntoor:x:0:0::/root:\nbroken\nshop:x:1000:1000::/home/shop:/bin/sh\n"
    assert parse_passwd(text) == {0: "root", 1000: "shop"}


ID = "0123456789ab" + "c" * 52


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("0::/system.slice/nginx.service\n", "nginx.service"),
        ("0::/user.slice/user-0.slice/session-3.scope\n", "session-3.scope"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/shop.service\n", "shop.service"),
        (
            "12:pids:/system.slice/cron.service\n1:name=systemd:/system.slice/cron.service\n0::/\n",
            "cron.service",
        ),
        (f"4:memory:/docker/{ID}\n0::/\n", "docker:0123456789ab"),
        (f"0::/system.slice/docker-{ID}.scope\n", "docker:0123456789ab"),
        (
            f"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope\n",
            "cri-containerd:0123456789ab",
        ),
        (
            f"0::/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:{ID}\n",
            "cri-containerd:0123456789ab",
        ),
        ("0::/init.scope\n", None),
        ("0::/\n", None),
        ("", None),
    ],
)
def test_units_and_containers(text: str, unit: str | None) -> None:
    assert parse_unit(text) == unit


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()", "--password=secret"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_a_process_is_named_as_psutil_names_it(child: subprocess.Popen[bytes]) -> None:
    table = Table(Host())
    table.read()
    who, oracle = table.who(child.pid), psutil.Process(child.pid)
    assert who["name"] == oracle.name()
    assert who["user"] == oracle.username()
    assert who["started_at"] == pytest.approx(oracle.create_time(), abs=0.05)
    assert who["command"] == f"{sys.executable} -c input() --password=***"


def test_without_commands_none_is_read(child: subprocess.Popen[bytes]) -> None:
    table = Table(Host(), commands=False)
    table.read()
    assert "command" not in table.who(child.pid)


def test_sockets_lead_to_their_process() -> None:
    with socket.socket() as listener:
        table = Table(Host())
        table.read()
        assert os.getpid() in table.sockets()[os.fstat(listener.fileno()).st_ino]


def test_a_process_that_has_gone_is_no_fault(child: subprocess.Popen[bytes]) -> None:
    table = Table(Host())
    table.read()
    child.kill()
    child.wait()
    assert table.who(child.pid)["pid"] == child.pid
    assert table.sockets() is not None
    table.read()
    assert child.pid not in table.rows
    assert table.who(child.pid)["name"] == "?"


def test_a_tree_without_processes_is_an_empty_table(tmp_path: Path) -> None:
    table = Table(Host(str(tmp_path)))
    table.read()
    assert table.rows == {}
