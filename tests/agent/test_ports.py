from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psutil
import pytest

from fleet_agent import sockets
from fleet_agent.checks import connections, network, ports
from fleet_agent.host import Host
from fleet_collector.snapshot.ports import Listener, Ports

if TYPE_CHECKING:
    from .conftest import Inside, MakeSection

HOLD = "import sys; print(flush=True); sys.stdin.read()"


def checked(data: dict[str, Any]) -> list[Listener]:
    found = msgspec.convert(data, Ports, strict=True).listeners
    assert found is not None
    return found


def on(port: int, rows: list[Listener]) -> list[Listener]:
    return [row for row in rows if row.port == port]


def test_a_tcp_listener_has_its_owner_and_its_queue(section: MakeSection) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=5) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            rows = on(port, checked(ports.collect(section())))
    assert [(row.protocol, row.address, row.pid, row.queue, row.backlog) for row in rows] == [
        ("tcp", "127.0.0.1", os.getpid(), 1, 5)
    ]
    process = psutil.Process()
    assert rows[0].name == process.name()
    assert rows[0].user == process.username()
    assert rows[0].pids == 1
    assert rows[0].exe_deleted is False
    assert rows[0].started_at is not None
    assert abs(rows[0].started_at - process.create_time()) < 1.1


def test_ipv6_and_udp(section: MakeSection) -> None:
    with socket.socket(socket.AF_INET6) as tcp, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        for each in (tcp, udp):
            each.bind(("::1", 0))
        tcp.listen()
        rows = checked(ports.collect(section()))
        found = [on(each.getsockname()[1], rows) for each in (tcp, udp)]
    ours = [row for rows in found for row in rows if row.pid == os.getpid()]  # others may have the number too
    assert [(row.protocol, row.address, row.pid) for row in ours] == [
        ("tcp6", "::1", os.getpid()),
        ("udp6", "::1", os.getpid()),
    ]


def test_a_connected_udp_socket_is_no_server(section: MakeSection) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        server.bind(("127.0.0.1", 0))
        client.connect(server.getsockname())
        rows = checked(ports.collect(section()))
        served, used = (on(each.getsockname()[1], rows) for each in (server, client))
    assert [row.protocol for row in served] == ["udp"]
    assert used == []


def test_a_shared_socket_counts_its_processes_and_names_the_oldest(section: MakeSection) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port, number = listener.getsockname()[1], listener.fileno()
        with subprocess.Popen(
            [sys.executable, "-c", HOLD],
            pass_fds=[number],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            rows = on(port, checked(ports.collect(section())))
    assert [(row.pid, row.pids) for row in rows] == [(os.getpid(), 2)]


def test_a_program_that_was_replaced(section: MakeSection, tmp_path: Path) -> None:
    program = tmp_path / "holder"
    shutil.copy("/bin/cat", program)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port, number = listener.getsockname()[1], listener.fileno()
        with subprocess.Popen(
            [program], pass_fds=[number], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(b"\n")
            child.stdin.flush()
            child.stdout.readline()
            listener.close()
            program.unlink()
            rows = on(port, checked(ports.collect(section())))
    assert [(row.pid, row.name, row.exe_deleted) for row in rows] == [(child.pid, "holder", True)]


def test_owners_that_may_not_be_seen_are_counted(section: MakeSection) -> None:
    work = section()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        work.table._sockets = {}
        work.table.denied = 3
        data = ports.collect(work)
        rows = on(listener.getsockname()[1], checked(data))
    assert data["owners_unknown"] == len(data["listeners"]) >= 1
    assert work.notes["owners"].startswith("denied")
    assert [(row.pid, row.user) for row in rows] == [(None, psutil.Process().username())]


def test_a_long_list_is_cut_and_says_so(section: MakeSection, inside_namespace: Inside) -> None:
    def many() -> Any:
        held = [socket.create_server(("127.0.0.1", 0)) for _ in range(ports.LISTENERS_MOST + 5)]
        work = section()
        data = ports.collect(work)
        return [len(held), data, work.notes]

    held, data, notes = inside_namespace(many)
    assert len(checked(data)) == ports.LISTENERS_MOST
    assert notes["listeners"] == f"cut at {ports.LISTENERS_MOST} of {held}"


def test_netlink_psutil_and_the_files_agree(inside_namespace: Inside) -> None:
    def three() -> Any:
        tcp = [
            socket.create_server(("127.0.0.1", 0)),
            socket.create_server(("::1", 0), family=socket.AF_INET6),
        ]
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        found = []
        for live in (True, False):
            host = Host()
            host.live = live
            rows = [row for protocol in ("tcp", "udp") for row in sockets.listeners(host, protocol)[0]]
            found.append(sorted([row.address, row.port, row.inode, row.uid] for row in rows))
        theirs = sorted([one.laddr.ip, one.laddr.port] for one in psutil.net_connections("inet") if one.laddr)
        return [len(tcp) + 1, theirs, *found]

    count, theirs, over_netlink, from_files = inside_namespace(three)
    assert len(over_netlink) == count
    assert over_netlink == from_files
    assert [row[:2] for row in over_netlink] == theirs


@pytest.mark.full
def test_without_root_what_may_not_be_seen_is_denied(
    section: MakeSection, as_root_inside_namespace: Inside
) -> None:
    def unprivileged() -> Any:
        listener = socket.create_server(("127.0.0.1", 8000))
        client = socket.create_connection(("127.0.0.1", 8000))
        server, _ = listener.accept()
        held = (listener, client, server)
        with subprocess.Popen(
            [sys.executable, "-c", HOLD],
            pass_fds=[each.fileno() for each in held],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            for each in held:
                each.close()
            os.setresuid(65534, 65534, 65534)
            works = {check: section() for check in (ports, connections, network)}
            data = [check.collect(work) for check, work in works.items()]
            return [*data, *(work.notes for work in works.values())]

    held, counted, net, *notes = as_root_inside_namespace(unprivileged)
    rows = checked(held)
    assert [(row.port, row.pid, row.user) for row in rows] == [(8000, None, "root")]
    assert held["owners_unknown"] == 1
    assert counted["states"] == {"established": 2}
    assert counted["by_process"] == []
    assert "firewall" not in net
    assert notes[0]["owners"] == "denied: the processes of 1 sockets"
    assert notes[1]["by_process"] == "denied: the processes of 2 connections"
    assert notes[2]["firewall"] == "denied"
