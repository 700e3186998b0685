from __future__ import annotations

import ctypes
import json
import socket
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psutil
import pytest

from fleet_agent import dns, links, packetfilter
from fleet_agent.checks import network
from fleet_agent.host import Host
from fleet_collector.snapshot.network import Network

if TYPE_CHECKING:
    from .conftest import Inside, MakeSection

CLONE_NEWNS = 0x00020000
NET_DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop
    lo: 100 2 0 0 0 0 0 0 100 2 0 0 0 0 0 0
  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0
eth0:1:7 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0
"""
ROUTE = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	100	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	100	00FFFFFF	0	0	0
*	0000000A	00000000	0201	0	0	0	000000FF	0	0	0
"""
ROUTE6 = """\
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 00000001 00000000 00000003 eth0
fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0
00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000003 00000000 80200001 lo
ff000000000000000000000000000000 08 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000004 00000000 00000001 eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 lo
"""  # noqa: E501 - as the kernel prints it
FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 192.0.2.0
        /24 link UNICAST
Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 192.0.2.7
        /32 host LOCAL
     |-- 192.0.2.255
        /32 link BROADCAST
"""
IF_INET6 = """\
00000000000000000000000000000001 01 80 10 80       lo
fe8000000000000000fc00fffe000001 02 40 20 80     eth0
"""
BOND = """\
Ethernet Channel Bonding Driver: v6.1.0

Bonding Mode: fault-tolerance (active-backup)
MII Status: up

Slave Interface: eth1
MII Status: up

Slave Interface: eth2
MII Status: down
"""
IPTABLES = """\
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
-A PREROUTING -p tcp -j REDIRECT
COMMIT
*filter
:INPUT DROP [12:720]
:OUTPUT ACCEPT [5:400]
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp --dport 22 -j ACCEPT
COMMIT
"""


def checked(data: dict[str, Any]) -> Network:
    return msgspec.convert(data, Network, strict=True)


def test_counters_of_interfaces() -> None:
    counters = links.parse_counters(NET_DEV)
    assert list(counters) == ["lo", "eth0", "eth0:1"]
    assert counters["eth0"] == {
        "rx_bytes": 1000,
        "rx_packets": 10,
        "rx_errors": 1,
        "rx_dropped": 2,
        "tx_bytes": 2000,
        "tx_packets": 20,
        "tx_errors": 3,
        "tx_dropped": 4,
    }


def test_rates_of_an_interface_that_was_replaced_are_not_negative() -> None:
    before = links.parse_counters(NET_DEV)["eth0"]
    now = dict(before, rx_bytes=1500, tx_errors=13, tx_bytes=0)
    assert links.rates(now, before, 2.0) == {
        "rx_bytes_per_second": 250.0,
        "tx_bytes_per_second": 0.0,
        "errors_per_second": 5.0,
        "dropped_per_second": 0.0,
    }


def test_the_machines_own_interfaces_come_first() -> None:
    assert links.order(["veth1", "lo", "eth1", "br-7", "bond0"]) == ["bond0", "eth1", "lo", "br-7", "veth1"]


def test_routes() -> None:
    assert network.parse_routes(ROUTE) == [
        {"destination": "default", "gateway": "192.0.2.1", "interface": "eth0", "metric": 100},
        {"destination": "192.0.2.0/24", "interface": "eth0", "metric": 100},
    ]
    assert network.parse_routes6(ROUTE6) == [
        {"destination": "default", "gateway": "fd00::1", "interface": "eth0", "metric": 1024},
        {"destination": "fd00::/64", "interface": "eth0", "metric": 256},
    ]


def test_addresses_from_files() -> None:
    connected = links.parse_connected(ROUTE)
    assert links.parse_fib_trie(FIB_TRIE, connected) == [("lo", "127.0.0.1/8"), ("eth0", "192.0.2.7/24")]
    assert links.parse_if_inet6(IF_INET6) == {"lo": ["::1/128"], "eth0": ["fe80::fc:ff:fe00:1/64"]}


@pytest.mark.parametrize(
    ("text", "servers", "search"),
    [
        ("", [], []),
        (
            "# nameserver 10.0.0.9\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\n",
            ["10.0.0.1", "fe80::1%eth0"],
            [],
        ),
        ("domain a.example\nsearch b.example c.example\n", [], ["b.example", "c.example"]),
        ("search .\nnameserver\n", [], []),
    ],
)
def test_resolv_conf(text: str, servers: list[str], search: list[str]) -> None:
    assert network.parse_resolv_conf(text) == (servers, search)


def test_a_bond_with_half_its_members() -> None:
    assert network.parse_bond("bond0", BOND) == {
        "name": "bond0",
        "members": 2,
        "members_up": 1,
        "down": ["eth2"],
    }


def test_iptables() -> None:
    assert packetfilter.parse_iptables_save(IPTABLES) == {
        "kind": "iptables",
        "rules": 3,
        "input_policy": "drop",
        "output_policy": "accept",
    }


def test_softnet_and_arp() -> None:
    assert network.parse_softnet("00000001 0000000a 0 0\n00000001 00000001 0 0\n") == 11
    arp = "IP address HW type Flags\n10.0.0.1 0x1 0x2 02:00 * eth0\n10.0.0.2 0x1 0x0 00 * eth0\n"
    assert network.parse_arp(arp) == {"10.0.0.2"}


def test_a_question_and_its_answer() -> None:
    packet = dns.question("www.example.com", 4711)
    assert packet.endswith(b"\3www\7example\3com\0\0\1\0\1")
    reply = packet[:2] + b"\x81\x83" + packet[4:]
    assert dns.rcode(reply, 4711) == "NXDOMAIN"
    assert dns.rcode(reply, 4712) is None
    assert dns.rcode(packet, 4711) is None
    assert dns.rcode(packet[:5], 4711) is None


def test_name_servers_are_asked_at_once(section: MakeSection) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.2", 0))
        server.settimeout(10)
        port = server.getsockname()[1]

        def serve() -> None:
            query, peer = server.recvfrom(512)
            server.sendto(b"??" + b"\x81\x80" + query[4:], peer)  # not the answer to this question
            server.sendto(query[:2] + b"\x81\x82" + query[4:], peer)

        thread = threading.Thread(target=serve)
        thread.start()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.3", port))
            rows = network.look_up(
                ["127.0.0.2", "127.0.0.3", "127.0.0.4", "nonsense"], "a.example", 0.3, port
            )
        thread.join()
    assert [(row["server"], row["ok"]) for row in rows] == [
        ("127.0.0.2", False),
        ("127.0.0.3", False),
        ("127.0.0.4", False),
        ("nonsense", False),
    ]
    assert [row.get("error") for row in rows][:3] == [
        "SERVFAIL",
        "no answer within 0.3 s",
        "Connection refused",
    ]
    assert rows[0]["ms"] > 0
    assert "ms" not in rows[1]


@pytest.mark.parametrize(("rcode", "ok"), [(0, True), (3, True), (5, True), (2, False)])
def test_any_answer_shows_that_a_server_is_there(rcode: int, ok: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)

        def serve() -> None:
            query, peer = server.recvfrom(512)
            server.sendto(query[:2] + bytes([0x81, 0x80 | rcode]) + query[4:], peer)

        thread = threading.Thread(target=serve)
        thread.start()
        (row,) = network.look_up(["127.0.0.1"], "a.example", 10.0, server.getsockname()[1])
        thread.join()
    assert row["ok"] is ok
    assert ("error" in row) is (rcode != 0)


def test_this_machine_agrees_with_psutil(section: MakeSection) -> None:
    first = network.sample(Host())
    facts = checked(network.collect(section(first=first)))
    assert facts.interfaces
    addresses, states = psutil.net_if_addrs(), psutil.net_if_stats()
    for row in facts.interfaces:
        theirs = {
            one.address.partition("%")[0]
            for one in addresses.get(row.name, [])
            if one.family in (socket.AF_INET, socket.AF_INET6)
        }
        assert {cidr.partition("/")[0] for cidr in row.addresses} == theirs
        assert row.mtu == states[row.name].mtu
        assert row.rx_bytes_per_second is not None
    assert "lo" in [row.name for row in facts.interfaces]
    assert facts.softnet_dropped is not None


def test_a_recorded_tree(section: MakeSection, tmp_path: Path) -> None:
    for name, text in {
        "proc/net/dev": NET_DEV,
        "proc/net/route": ROUTE,
        "proc/net/ipv6_route": ROUTE6,
        "proc/net/fib_trie": FIB_TRIE,
        "proc/net/if_inet6": IF_INET6,
        "proc/net/arp": "IP address HW type Flags\n192.0.2.1 0x1 0x0\n",
        "proc/net/bonding/bond0": BOND,
        "etc/resolv.conf": "nameserver 192.0.2.53\n",
        "sys/class/net/eth0/flags": "0x1003\n",
        "sys/class/net/eth0/carrier": "0\n",
        "sys/class/net/eth0/mtu": "1500\n",
        "sys/class/net/eth0/speed": "1000\n",
        "sys/class/net/eth0/duplex": "full\n",
        "sys/class/net/eth0/device/vendor": "0x8086\n",
        "sys/class/net/lo/flags": "0x9\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    work = section(root=tmp_path)
    facts = checked(network.collect(work))
    assert facts.interfaces is not None
    found = {row.name: row for row in facts.interfaces}
    assert found["lo"].kind == "loopback"
    assert (found["eth0"].kind, found["eth0"].carrier, found["eth0"].up) == ("physical", False, True)
    assert (found["eth0"].speed_mbit, found["eth0"].duplex) == (1000, "full")
    assert found["eth0"].addresses == ["192.0.2.7/24", "fe80::fc:ff:fe00:1/64"]
    assert facts.default_routes is not None
    assert [row.gateway for row in facts.default_routes] == ["192.0.2.1", "fd00::1"]
    assert facts.neighbours is not None
    assert facts.neighbours.failed == ["192.0.2.1"]
    assert facts.resolver is not None
    assert (facts.resolver.servers, facts.resolver.lookups) == (["192.0.2.53"], [])
    assert facts.bonds is not None
    assert facts.bonds[0].down == ["eth2"]
    assert facts.conntrack is None
    assert {work.notes[fact].partition(":")[0] for fact in ("conntrack", "firewall", "softnet_dropped")} == {
        "absent"
    }


def test_an_empty_tree_says_why_nothing_is_known(section: MakeSection, tmp_path: Path) -> None:
    work = section(root=tmp_path)
    facts = checked(network.collect(work))
    assert facts.interfaces is None
    assert facts.routes is None
    assert facts.default_routes is None
    assert facts.resolver is None
    assert {"interfaces", "routes", "resolver", "neighbours", "firewall"} <= set(work.notes)


def test_an_interface_in_another_namespace(section: MakeSection, inside_namespace: Inside) -> None:
    facts = checked(inside_namespace(lambda: network.collect(section())))
    assert facts.interfaces is not None
    loopback = next(row for row in facts.interfaces if row.name == "lo")
    assert loopback.addresses == ["127.0.0.1/8", "::1/128"]
    assert facts.default_routes == []


def run(*commands: str) -> None:
    for command in commands:
        subprocess.run(command.split(), check=True)


@pytest.mark.full
def test_links_addresses_and_routes_as_iproute2_has_them(
    section: MakeSection, as_root_inside_namespace: Inside
) -> None:
    def made() -> Any:
        assert ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0
        run(
            "mount --make-rprivate /",
            "mount -t sysfs none /sys",  # sysfs shows the network namespace it was mounted in
            "ip link add near type veth peer name far",
            "ip link add name br0 type bridge",
            "ip link set near master br0",
            "ip addr add 192.0.2.1/24 dev br0",
            "ip addr add 2001:db8::1/64 dev br0 nodad",
            "ip link set br0 up",
            "ip link set near up",
            "ip route add default via 192.0.2.254 metric 7",
            "ip route add 198.51.100.0/25 via 192.0.2.253",
            "ip route add blackhole 203.0.113.0/24",
        )
        theirs = subprocess.run(["ip", "-j", "addr"], check=True, capture_output=True).stdout
        return [network.collect(section()), json.loads(theirs)]

    data, theirs = as_root_inside_namespace(made)
    facts = checked(data)
    assert facts.interfaces is not None
    assert {row.name: row.addresses for row in facts.interfaces} == {
        link["ifname"]: [f"{one['local']}/{one['prefixlen']}" for one in link["addr_info"]] for link in theirs
    }
    found = {row.name: row for row in facts.interfaces}
    assert (found["br0"].kind, found["near"].master, found["near"].carrier) == ("bridge", "br0", False)
    assert (found["far"].up, found["far"].carrier) == (False, None)
    assert facts.default_routes is not None
    assert [(row.gateway, row.interface, row.metric) for row in facts.default_routes] == [
        ("192.0.2.254", "br0", 7)
    ]
    assert facts.routes is not None
    destinations = [row.destination for row in facts.routes]
    assert "198.51.100.0/25" in destinations
    assert "203.0.113.0/24" not in destinations


@pytest.mark.full
def test_the_packet_filter(section: MakeSection, as_root_inside_namespace: Inside) -> None:
    def filtered() -> Any:
        none = network.collect(section())["firewall"]
        run(
            "nft add table inet wall",
            "nft add chain inet wall input { type filter hook input priority 0 ; policy drop ; }",
            "nft add chain inet wall output { type filter hook output priority 0 ; }",
            "nft add rule inet wall input tcp dport 22 accept",
            "nft add rule inet wall input tcp dport 80 accept",
        )
        return [none, network.collect(section())["firewall"]]

    none, some = as_root_inside_namespace(filtered)
    assert none == {}
    assert some == {"kind": "nftables", "rules": 2, "input_policy": "drop", "output_policy": "accept"}


@pytest.mark.full
def test_hundreds_of_interfaces_are_cut(section: MakeSection, as_root_inside_namespace: Inside) -> None:
    def many() -> Any:
        lines = "".join(f"link add veth{number} type veth peer name far{number}\n" for number in range(40))
        subprocess.run(["ip", "-batch", "-"], input=lines.encode(), check=True)
        work = section()
        return [network.collect(work)["interfaces"], work.notes]

    rows, notes = as_root_inside_namespace(many)
    assert len(rows) == links.LINKS_MOST
    assert notes["interfaces"].startswith("cut at 64 of ")
    assert "lo" in [row["name"] for row in rows]
