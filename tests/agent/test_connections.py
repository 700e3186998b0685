from __future__ import annotations

import os
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psutil
import pytest

from fleet_agent import netlink, sockets
from fleet_agent.checks import connections
from fleet_agent.host import Host
from fleet_agent.tally import KEYS_MOST, Tally
from fleet_collector.snapshot.connections import Connections

if TYPE_CHECKING:
    from .conftest import Inside, MakeSection

SNMP = """\
Tcp: RtoAlgorithm RtoMin MaxConn ActiveOpens PassiveOpens InSegs OutSegs RetransSegs OutRsts
Tcp: 1 200 -1 10 20 1000 2000 30 4
Udp: InDatagrams NoPorts
Udp: 5 6
"""
NETSTAT = """\
TcpExt: SyncookiesSent ListenOverflows ListenDrops
TcpExt: 1 2 3
"""
# A listener on 8080 (1F90) and a connection to it, one connection as client, one in TIME_WAIT.
PROC_TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 11 1
   1: 0100007F:1F90 0200007F:9C40 01 00000000:00005000 00:00000000 00000000     0        0 12 1
   2: 0100007F:9C41 0300007F:0050 01 00000000:00000000 00:00000000 00000000     0        0 13 1
   3: 0100007F:9C42 0300007F:0050 06 00000000:00000000 03:00000CB6 00000000     0        0 0 3 0
"""
# Another to 8080, from IPv4 mapped into IPv6.
PROC_TCP6 = """\
  sl  local_address                         remote_address                        st queues tr
   0: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000200007F:9C43 08 0:00000001 0:0 0 0 0 14
"""


def checked(data: dict[str, Any]) -> Connections:
    return msgspec.convert(data, Connections, strict=True)


def collect(section: MakeSection, **options: Any) -> Connections:
    return checked(connections.collect(section(**options)))


@contextmanager
def pair(family: int = socket.AF_INET, address: str = "127.0.0.1") -> Iterator[tuple[int, Any, Any]]:
    """A connection over loopback: (service port, client, server)."""
    with socket.socket(family) as listener:
        listener.bind((address, 0))
        listener.listen()
        port = listener.getsockname()[1]
        with socket.create_connection((address, port)) as client:
            server, _ = listener.accept()
            with server:
                yield port, client, server


def settle() -> None:
    """Wait until every FIN that was sent is acknowledged: until then the state is a passing one."""
    limit = time.monotonic() + 10
    passing = {psutil.CONN_FIN_WAIT1, psutil.CONN_LAST_ACK, psutil.CONN_CLOSING}
    while any(one.status in passing for one in psutil.net_connections("tcp")):
        assert time.monotonic() < limit
        time.sleep(0.005)


def test_counters() -> None:
    assert connections.parse_counters(SNMP, "Tcp:")["RetransSegs"] == 30
    assert connections.parse_counters(SNMP, "Tcp:")["MaxConn"] == -1
    assert connections.parse_counters(NETSTAT, "TcpExt:") == {
        "SyncookiesSent": 1,
        "ListenOverflows": 2,
        "ListenDrops": 3,
    }


def test_rates_are_the_difference_over_the_time() -> None:
    first = {"ListenOverflows": 10, "OutSegs": 1000, "RetransSegs": 10, "OutRsts": 5}
    now = {"ListenOverflows": 30, "OutSegs": 1090, "RetransSegs": 20, "OutRsts": 5}
    facts = connections.rates(first, now, 2.0)
    assert facts["listen_overflows_per_second"] == 10.0
    assert facts["retransmits_percent"] == 10.0
    assert facts["resets_sent_per_second"] == 0.0
    assert facts["counters"]["OutSegs"] == [1000, 1090]
    assert "syn_cookies_per_second" not in facts


def test_without_a_first_sample_there_are_no_rates() -> None:
    facts = connections.rates({}, {"ListenOverflows": 30, "OutSegs": 5}, 1.0)
    assert facts["listen_overflows"] == 30
    assert not [name for name in facts if name.endswith(("per_second", "percent"))]


@pytest.mark.parametrize(
    ("text", "reserved"),
    [("\n", 0), ("8080\n", 0), ("40000\n", 1), ("1-65535\n", 101), ("40050-40060,40099,40100-50000\n", 13)],
)
def test_reserved_ports_within_the_range(text: str, reserved: int) -> None:
    assert connections.parse_reserved(text, 40000, 40100) == reserved


def test_sockstat() -> None:
    text = "sockets: used 16\nTCP: inuse 1 orphan 2 tw 3 alloc 4 mem 7\nUDP: inuse 0 mem 0\n"
    assert connections.parse_sockstat(text) == {"inuse": 1, "orphan": 2, "tw": 3, "alloc": 4, "mem": 7}


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    for name, text in {
        "net/snmp": SNMP,
        "net/netstat": NETSTAT,
        "net/sockstat": "TCP: inuse 1 orphan 2 tw 3 alloc 4 mem 7\n",
        "net/tcp": PROC_TCP,
        "net/tcp6": PROC_TCP6,
        "sys/net/ipv4/ip_local_port_range": "40000\t40099\n",
        "sys/net/ipv4/ip_local_reserved_ports": "40000-40049\n",
        "sys/net/ipv4/tcp_max_tw_buckets": "4096\n",
        "sys/net/ipv4/tcp_mem": "1\t2\t3\n",
    }.items():
        path = tmp_path / "proc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_recorded_tree(section: MakeSection, recorded: Path) -> None:
    facts = collect(section, root=recorded)
    assert facts.states == {"established": 2, "time_wait": 1, "close_wait": 1}
    assert facts.total == 4
    assert facts.by_local_port is not None
    assert [(row.port, row.states) for row in facts.by_local_port] == [
        (8080, {"established": 1, "close_wait": 1})
    ]
    assert facts.by_peer is not None
    assert [(row.address, row.count) for row in facts.by_peer] == [("127.0.0.2", 2)]
    assert facts.by_remote is not None
    assert [(row.address, row.port, row.count) for row in facts.by_remote] == [("127.0.0.3", 80, 2)]
    assert facts.local_ports is not None
    assert [(row.source, row.used, row.time_wait, row.percent) for row in facts.local_ports] == [
        ("127.0.0.1", 2, 1, 4.0)
    ]
    assert (facts.local_ports_percent, facts.local_port_range) == (4.0, [40000, 40099])
    assert (facts.time_wait_max, facts.orphans, facts.tcp_memory_max_pages) == (4096, 2, 3)


def test_without_ipv6_the_rest_is_there(section: MakeSection, recorded: Path) -> None:
    (recorded / "proc/net/tcp6").unlink()
    assert collect(section, root=recorded).states == {"established": 2, "time_wait": 1}


def test_a_line_that_was_cut_short_is_left_out(
    section: MakeSection, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "PROC_LIMIT", PROC_TCP.index("   3:") + 20)
    work = section(root=recorded)
    facts = checked(connections.collect(work))
    assert facts.states == {"established": 2, "close_wait": 1}
    assert work.notes["states"].startswith("cut")


def test_a_tree_without_sockets_is_absent(section: MakeSection, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        connections.collect(section(root=tmp_path))


def row(state: int, port: int, remote: tuple[str, int], inode: int = 0, queue: int = 0) -> tuple[Any, ...]:
    address = socket.inet_aton(remote[0]) + bytes(12)
    source = socket.inet_aton("10.0.0.1") + bytes(12)
    return state, struct.pack(">H", port), struct.pack(">H", remote[1]) + source + address, queue, inode


def test_a_tally_is_bounded_and_its_sums_stay_exact() -> None:
    tally = Tally(
        frozenset([struct.pack(">H", 80)]), {7: 42}, struct.pack(">H", 32768), struct.pack(">H", 60999)
    )
    most = 3 * KEYS_MOST
    for start in range(0, most, 1000):
        addresses = [socket.inet_ntoa(struct.pack(">I", number)) for number in range(start, start + 1000)]
        tally.add(socket.AF_INET, [row(1, 80, (address, 5000), 7) for address in addresses])
        tally.add(socket.AF_INET, [row(6, 40000, (address, 443)) for address in addresses])
        tally.add(socket.AF_INET, [row(6, 40000, ("192.0.2.1", 443))] * 10)
    assert tally.cut
    servers, clients = list(tally.servers()), list(tally.clients())
    assert max(len(servers), len(clients)) <= KEYS_MOST
    assert sum(count for *_, count in servers) == most
    assert {(pid, port) for _, pid, port, _, _ in servers} == {(42, 80)}
    assert sum(count for *_, count in clients) == most + most // 100
    assert (("192.0.2.1", 443), most // 100) in [(endpoint, count) for *_, endpoint, _, count in clients]


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_both_ends_of_a_connection(
    section: MakeSection, inside_namespace: Inside, family: int, address: str
) -> None:
    def both() -> Any:
        with pair(family, address) as (port, _, _):
            return [port, os.getpid(), connections.collect(section())]

    port, pid, data = inside_namespace(both)
    facts = checked(data)
    name = Path("/proc/self/comm").read_text().strip()
    assert facts.by_local_port is not None
    assert facts.by_process is not None
    served = next(each for each in facts.by_local_port if each.port == port)
    assert (served.states, served.name) == ({"established": 1}, name)
    assert [(row.pid, row.states) for row in facts.by_process] == [(pid, {"established": 2})]
    assert [(remote.address, remote.port) for remote in facts.by_process[0].remotes] == [(address, port)]


def test_ipv4_in_ipv6_is_shown_as_ipv4(section: MakeSection, inside_namespace: Inside) -> None:
    def mapped() -> Any:
        with socket.socket(socket.AF_INET6) as listener:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind(("::", 8000))
            listener.listen()
            with socket.create_connection(("127.0.0.5", 8000), source_address=("127.0.0.4", 0)):
                server, _ = listener.accept()
                with server:
                    return connections.collect(section())

    facts = checked(inside_namespace(mapped))
    assert facts.by_peer is not None
    assert facts.by_remote is not None
    assert [row.address for row in facts.by_peer] == ["127.0.0.4"]
    assert [(row.address, row.port) for row in facts.by_remote] == [("127.0.0.5", 8000)]


def test_what_a_service_leaves_behind_is_still_the_servers(
    section: MakeSection, inside_namespace: Inside
) -> None:
    def ended() -> Any:
        listener = socket.create_server(("127.0.0.1", 8000))
        for _ in range(3):
            client = socket.create_connection(("127.0.0.1", 8000))
            server, _ = listener.accept()
            server.close()
            client.close()
        listener.close()
        return connections.collect(section())

    facts = checked(inside_namespace(ended))
    assert facts.by_remote == []
    assert facts.by_local_port is not None
    assert [(row.port, row.states) for row in facts.by_local_port] == [(8000, {"time_wait": 3})]


def test_what_a_process_does_not_read(section: MakeSection) -> None:
    with pair() as (_, client, server):
        client.sendall(b"x" * 65536)
        while server.recv(65536, socket.MSG_PEEK | socket.MSG_WAITALL) != b"x" * 65536:
            pass
        facts = collect(section)
    assert [row.count for row in facts.undrained or [] if row.pid == os.getpid()] == [1]


def test_netlink_and_the_files_agree(section: MakeSection, inside_namespace: Inside) -> None:
    def both() -> Any:
        with ExitStack() as stack:
            for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                _, client, _ = stack.enter_context(pair(family, address))
                client.close()
                stack.enter_context(pair(family, address))
            settle()
            counts: list[Any] = []
            for live, time_wait in ((True, sockets.FLOOD), (True, 0), (False, 0)):
                host = Host()
                host.live = live
                found = [
                    (family, sorted(rows)) for family, rows, _ in sockets.connections(host, time_wait) if rows
                ]
                counts.append(sorted(repr(one) for _, rows in found for one in rows))
            return counts

    over_netlink, in_one_go, from_files = inside_namespace(both)
    assert len(over_netlink) == 8
    assert over_netlink == in_one_go == from_files


def test_where_netlink_is_denied_the_files_are_read(
    section: MakeSection, inside_namespace: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any) -> Any:
        raise PermissionError(1, "seccomp")

    monkeypatch.setattr(netlink, "blocks", denied)

    def fallen_back() -> Any:
        with pair() as (port, _, _):
            return [port, connections.collect(section())]

    port, data = inside_namespace(fallen_back)
    served = checked(data).by_local_port
    assert served is not None
    assert [(row.port, row.states) for row in served] == [(port, {"established": 1})]


@pytest.mark.full
def test_states_agree_with_psutil(section: MakeSection, as_root_inside_namespace: Inside) -> None:
    def states() -> Any:
        with ExitStack() as stack:
            for _ in range(5):
                stack.enter_context(pair())
            for _ in range(3):  # CLOSE_WAIT here, FIN_WAIT2 there
                _, client, _ = stack.enter_context(pair())
                client.shutdown(socket.SHUT_WR)
            for _ in range(4):
                _, client, server = stack.enter_context(pair())
                client.close()
                server.close()
            settle()
            ours = connections.collect(section())["states"]
            theirs = Counter(
                one.status.lower()
                for one in psutil.net_connections("tcp")
                if one.status != psutil.CONN_LISTEN
            )
            return [ours, theirs]

    ours, theirs = as_root_inside_namespace(states)
    assert ours == theirs
    assert ours == {"established": 10, "close_wait": 3, "fin_wait2": 3, "time_wait": 4}


@pytest.mark.full
def test_a_time_wait_flood_to_one_destination(section: MakeSection, as_root_inside_namespace: Inside) -> None:
    most = 3000

    def flood() -> Any:
        Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 45999")
        with socket.socket() as listener:
            listener.bind(("127.0.0.9", 8000))
            listener.listen()
            for _ in range(most):
                client = socket.create_connection(("127.0.0.9", 8000))
                server, _ = listener.accept()
                client.close()
                server.close()
            return connections.collect(section())

    facts = checked(as_root_inside_namespace(flood))
    assert facts.states == {"time_wait": most}
    assert facts.local_ports is not None
    fullest = facts.local_ports[0]
    assert (fullest.address, fullest.port, fullest.used, fullest.time_wait) == ("127.0.0.9", 8000, most, most)
    assert facts.local_ports_percent == fullest.percent == 50.0
    assert facts.by_process == []


@pytest.mark.full
def test_half_open_connections_and_a_backlog_that_overflows(
    section: MakeSection, as_root_inside_namespace: Inside
) -> None:
    def overflow() -> Any:
        Path("/proc/sys/net/ipv4/tcp_syncookies").write_text("0")
        host = Host()
        with ExitStack() as stack:
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 8000))
            listener.listen(1)
            first = connections.sample(host)
            for _ in range(6):
                client = stack.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", 8000))
            limit = time.monotonic() + 10
            while connections.sample(host)["ListenOverflows"] == first["ListenOverflows"]:
                assert time.monotonic() < limit
                time.sleep(0.01)
            return connections.collect(section(first=first))

    facts = checked(as_root_inside_namespace(overflow))
    assert facts.listen_overflows_per_second
    assert facts.listen_drops_per_second
    assert facts.states
    assert facts.states["syn_sent"] == 4
