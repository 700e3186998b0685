"""Network, reach, ports, connections: each rule on both sides of its thresholds."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_collector.findings.expected import Expected
from fleet_collector.snapshot import Section
from fleet_collector.snapshot.connections import ByLocalPort, ByPeer, ByProcess, ByRemote, LocalPorts
from fleet_collector.snapshot.network import Bond, Interface, Lookup, Neighbours, Resolver, Route
from fleet_collector.snapshot.ports import Listener
from fleet_collector.snapshot.reach import Probe, Reach, ReachResult
from tests.collector import hosts
from tests.collector.hosts import but, only, rules, subject

LO, ETH0 = (hosts.NETWORK.interfaces or [])[:2]


def eth0(**changes: Any) -> dict[str, Any]:
    return {"interfaces": [LO, but(ETH0, **changes)]}


def two_routes(**changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"destination": "default", "gateway": "10.9.0.1", "interface": "eth1"}
    return {"default_routes": [*(hosts.NETWORK.default_routes or []), Route(**(usual | changes))]}


def lookups(*answers: bool) -> dict[str, Any]:
    asked = [
        Lookup(server=f"10.0.1.{n}", ok=ok, error=None if ok else "timeout")
        for n, ok in enumerate(answers, 2)
    ]
    return {"resolver": Resolver(servers=[one.server for one in asked], lookups=asked)}


NETWORK_CASES: list[tuple[dict[str, Any], dict[str, str]]] = [
    (eth0(carrier=False), {"network.link_down": "critical"}),
    (
        {**eth0(carrier=False), "default_routes": hosts.NETWORK.default_routes},
        {"network.link_down": "critical"},
    ),
    (
        {
            "interfaces": [
                LO,
                ETH0,
                Interface(name="veth1", up=True, carrier=False, addresses=["10.9.0.1/24"]),
            ]
        },
        {"network.link_down": "warning"},
    ),
    (
        {"interfaces": [LO, ETH0, Interface(name="eth9", up=True, carrier=False, addresses=["fe80::1/64"])]},
        {},
    ),
    (
        {
            "interfaces": [
                LO,
                ETH0,
                Interface(name="eth9", up=False, carrier=False, addresses=["10.9.0.1/24"]),
            ]
        },
        {},
    ),
    ({"default_routes": []}, {"network.no_default_route": "warning"}),
    (two_routes(), {"network.two_default_routes": "warning"}),
    (two_routes(metric=100), {}),
    (two_routes(gateway="fe80::1"), {}),
    (two_routes(gateway="10.0.1.1", interface="eth0"), {}),
    (eth0(carrier_changes=2000), {"network.flapping": "warning"}),
    (eth0(carrier_changes=30), {}),  # in forty days
    (
        {"interfaces": [LO, ETH0, Interface(name="veth1", up=True, kind="virtual", carrier_changes=2000)]},
        {},
    ),
    ({"default_routes": None}, {}),
    ({"neighbours": Neighbours(failed=["10.0.1.1"])}, {"network.gateway": "critical"}),
    ({"neighbours": Neighbours(failed=["10.0.1.77"])}, {}),
    (eth0(errors_per_second=2.0), {"network.errors": "warning"}),
    (eth0(errors_per_second=1.9, rx_errors=10**6), {}),
    (eth0(dropped_per_second=100.0), {"network.dropped": "warning"}),
    (eth0(dropped_per_second=99.0), {}),
    (eth0(duplex="half"), {"network.duplex": "warning"}),
    (lookups(False), {"network.resolver": "critical"}),
    (lookups(True, False), {"network.resolver": "warning"}),
    (lookups(True, True), {}),
    ({"conntrack": 75, "conntrack_max": 100}, {"network.conntrack": "warning"}),
    ({"conntrack": 90, "conntrack_max": 100}, {"network.conntrack": "critical"}),
    ({"conntrack": 74, "conntrack_max": 100}, {}),
    ({"neighbours": Neighbours(count=800, limit=1024)}, {"network.neighbours": "warning"}),
    ({"softnet_dropped_per_second": 10.0}, {"network.softnet": "warning"}),
    ({"softnet_dropped_per_second": 9.0}, {}),
    ({"bonds": [Bond(name="bond0", members=2, members_up=1, down=["eth1"])]}, {"network.bond": "warning"}),
    ({"bonds": [Bond(name="bond0", members=2, members_up=0)]}, {"network.bond": "critical"}),
    ({"bonds": [Bond(name="bond0", members=2, members_up=2)]}, {}),
]


@pytest.mark.parametrize(("facts", "expected"), NETWORK_CASES)
def test_network(facts: dict[str, Any], expected: dict[str, str]) -> None:
    assert rules(subject(network=but(hosts.NETWORK, **facts))) == expected


@pytest.mark.parametrize(("changes", "found"), [(104, False), (106, True)])
def test_a_link_that_came_and_went_since_the_last_scan(changes: int, found: bool) -> None:
    past = hosts.nights(1, network=but(hosts.NETWORK, **eth0(carrier_changes=100)))
    flaps = subject(network=but(hosts.NETWORK, **eth0(carrier_changes=changes)), past=past)
    assert rules(flaps) == ({"network.flapping": "warning"} if found else {})


def test_a_default_route_that_was_there_is_missed_more() -> None:
    facts = but(hosts.NETWORK, default_routes=[])
    assert rules(subject(network=facts, past=hosts.nights(1))) == {"network.no_default_route": "critical"}
    down = Interface(name="eth0", up=False, kind="physical", addresses=["10.0.1.11/24"])
    facts = but(facts, interfaces=[down])
    assert only(subject(network=facts, past=hosts.nights(1))).message == (
        "There is no default route, as there was at the last scan; eth0, 10.0.1.11, was taken down"
    )


def test_the_only_link_was_taken_down() -> None:
    down = Interface(name="eth0", up=False, kind="physical", addresses=["10.0.1.11/24"])
    facts = but(hosts.NETWORK, default_routes=[], interfaces=[LO, down])
    finding = only(subject(network=facts))
    assert (finding.rule, finding.severity) == ("network.no_default_route", "warning")
    assert finding.message == "There is no default route; eth0, 10.0.1.11, was taken down"


def probe(result: ReachResult, **changes: Any) -> Reach:
    usual = Probe(
        target="tcp://db1:5432",
        protocol="tcp",
        host="db1",
        port=5432,
        result=result,
        address="10.0.1.20",
        ms=1.0,
    )
    return Reach(probes=[but(usual, **changes)])


@pytest.mark.parametrize(
    ("reach", "expected", "words"),
    [
        (probe("open"), {}, ""),
        (probe("open_or_filtered", protocol="udp"), {}, ""),
        (probe("open", ms=999.0), {}, ""),
        (probe("open", ms=1000.0), {"reach.slow": "warning"}, "a packet was lost"),
        (probe("refused", errno="ECONNREFUSED"), {"reach.refused": "critical"}, "nothing listens there"),
        (probe("filtered"), {"reach.filtered": "critical"}, "no answer within the limit"),
        (probe("dns"), {"reach.unresolved": "critical"}, "name cannot be resolved"),
        (probe("local_ports_used_up"), {"reach.local_ports": "critical"}, "no local port left"),
        (probe("denied"), {"reach.denied": "critical"}, "own firewall"),
        (
            probe("unreachable", gateway_failed=True),
            {"reach.unreachable": "critical"},
            "next hop does not answer",
        ),
        (probe("unreachable", errno="ENETUNREACH"), {"reach.unreachable": "critical"}, "no route there"),
        (probe("unreachable", errno="EHOSTUNREACH"), {"reach.unreachable": "critical"}, "firewall rejects"),
    ],
)
def test_reach(reach: Reach, expected: dict[str, str], words: str) -> None:
    one = subject(reach=reach)
    assert rules(one) == expected
    assert not words or words in only(one).message


def test_a_target_that_was_not_tried() -> None:
    assert rules(subject(expected=Expected(reach=("tcp://db1:5432",)))) == {"reach.not_tried": "unknown"}


def ports(*listeners: Listener) -> Any:
    return but(hosts.PORTS, listeners=[*(hosts.PORTS.listeners or []), *listeners])


def listener(**changes: Any) -> Listener:
    usual: dict[str, Any] = {
        "protocol": "tcp",
        "address": "0.0.0.0",
        "port": 8080,
        "pid": 812,
        "name": "java",
    }
    return Listener(**(usual | changes))


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        ("8080", [listener()], {}),
        ("8080", [listener(protocol="tcp6", address="::")], {}),
        ("8080", [listener(address="127.0.0.1")], {}),
        ("8080", [], {"ports.wanted": "critical"}),
        ("udp/8080", [listener()], {"ports.wanted": "critical"}),
        ("8080=java", [listener()], {}),
        ("8080=shop", [listener(unit="shop.service")], {}),
        ("8080=shopd", [listener(name="python3", command="/usr/bin/shopd --x")], {}),
        ("8080=nginx", [listener()], {"ports.owner": "critical"}),
        ("8080=nginx", [listener(pid=None, name=None)], {"ports.owner": "unknown"}),
    ],
)
def test_a_wanted_port(wanted: str, found: list[Listener], expected: dict[str, str]) -> None:
    assert rules(subject(ports=ports(*found), expected=Expected(ports=(wanted,)))) == expected


def test_a_wanted_port_that_nobody_could_look_at() -> None:
    one = subject(ports=Section(status="denied"), expected=Expected(ports=("80",)))
    assert rules(one) == {"ports.wanted": "unknown"}


def test_the_holder_of_a_wanted_port_is_named() -> None:
    one = subject(ports=ports(listener()), expected=Expected(ports=("8080=nginx",)))
    assert only(one).message == "tcp/8080 is held by java (pid 812) and not by nginx"


def test_a_port_that_was_always_there() -> None:
    past = hosts.nights(3, ports=ports(listener(unit="shop.service"), listener(port=40000)))
    finding = only(subject(past=past))
    assert (finding.rule, finding.severity, finding.subject) == (
        "ports.learned_missing",
        "warning",
        "tcp/8080",
    )
    assert "where java did at the last 3 scans" in finding.message
    assert finding.evidence["unit"] == "shop.service"
    other = subject(past=past, ports=ports(listener(name="python3")))
    assert rules(other) == {"ports.owner_changed": "warning"}


@pytest.mark.parametrize(
    ("queue", "backlog", "full"),
    [(0, 128, False), (115, 128, False), (116, 128, True), (1, 1, False), (2, 1, True), (1, 0, False)],
)
def test_a_queue_that_is_not_emptied(queue: int, backlog: int, full: bool) -> None:
    one = subject(ports=ports(listener(queue=queue, backlog=backlog)))
    assert rules(one) == ({"ports.backlog": "critical"} if full else {})


SHOP = ByProcess(
    pid=812,
    name="java",
    unit="shop.service",
    count=4112,
    states={"close_wait": 4112},
    remotes=[ByRemote(address="10.0.1.20", port=5432, count=4112, states={"close_wait": 4112})],
)


def towards(percent: float, time_wait: int = 0) -> dict[str, Any]:
    used = round(282.32 * percent)
    return {
        "local_ports": [
            LocalPorts(address="10.0.1.30", port=6379, used=used, time_wait=time_wait, percent=percent)
        ]
    }


def remote(**states: int) -> list[ByRemote]:
    return [ByRemote(address="10.0.1.30", port=6379, count=sum(states.values()), states=states)]


CONNECTION_CASES: list[tuple[dict[str, Any], dict[str, str]]] = [
    (towards(69.0), {}),
    (towards(70.0), {"connections.local_ports": "warning"}),
    (towards(91.0, 25_000), {"connections.local_ports": "critical"}),
    ({"states": {"time_wait": 9_999}}, {}),
    ({"states": {"time_wait": 10_000}}, {"connections.time_wait": "warning"}),
    ({"states": {"time_wait": 4_000}, "time_wait_max": 4_096}, {"connections.time_wait": "warning"}),
    (
        {"states": {"time_wait": 5_000}, "by_remote": remote(time_wait=5_000)},
        {"connections.time_wait": "warning"},
    ),
    ({"states": {"time_wait": 9_000}, "by_remote": remote(time_wait=4_999)}, {}),
    ({"states": {"established": 4_999}}, {}),
    ({"states": {"established": 5_000}}, {"connections.established": "warning"}),
    (
        {
            "states": {"established": 2_500},
            "by_peer": [ByPeer(address="10.0.1.9", count=2000, states={"established": 2000})],
        },
        {"connections.established": "warning"},
    ),
    (
        {
            "states": {"established": 2_500},
            "by_peer": [ByPeer(address="10.0.1.9", count=1999, states={"established": 1999})],
        },
        {},
    ),
    ({"by_process": [SHOP], "states": {"close_wait": 4112}}, {"connections.close_wait": "critical"}),
    ({"by_process": [but(SHOP, states={"close_wait": 100})]}, {"connections.close_wait": "warning"}),
    ({"by_process": [but(SHOP, states={"close_wait": 99})], "states": {"close_wait": 99}}, {}),
    ({"states": {"close_wait": 100}}, {"connections.close_wait": "warning"}),
    ({"by_remote": remote(syn_sent=20)}, {"connections.syn_sent": "warning"}),
    ({"by_remote": remote(syn_sent=19)}, {}),
    ({"states": {"syn_recv": 200}}, {"connections.syn_recv": "warning"}),
    ({"states": {"syn_recv": 199}}, {}),
    ({"syn_cookies_per_second": 1.0}, {"connections.syn_recv": "warning"}),
    ({"listen_overflows_per_second": 1.0}, {"connections.listen_overflows": "warning"}),
    ({"listen_drops_per_second": 5.0}, {"connections.listen_overflows": "critical"}),
    ({"listen_drops_per_second": 0.9}, {}),
    ({"retransmits_percent": 5.0}, {"connections.retransmits": "warning"}),
    ({"retransmits_percent": 4.9}, {}),
    ({"tcp_memory_pages": 80, "tcp_memory_max_pages": 100}, {"connections.tcp_memory": "warning"}),
    ({"tcp_memory_pages": 79, "tcp_memory_max_pages": 100}, {}),
    ({"undrained": [but(SHOP, count=20)]}, {"connections.undrained": "warning"}),
    ({"undrained": [but(SHOP, count=19)]}, {}),
]


@pytest.mark.parametrize(("facts", "expected"), CONNECTION_CASES)
def test_connections(facts: dict[str, Any], expected: dict[str, str]) -> None:
    assert rules(subject(connections=but(hosts.CONNECTIONS, **facts))) == expected


def test_the_past_knows_how_many_are_usual() -> None:
    busy = but(hosts.CONNECTIONS, states={"established": 9_000, "time_wait": 28_000})
    assert rules(subject(connections=busy, past=hosts.nights(3, connections=busy))) == {}
    more = but(hosts.CONNECTIONS, states={"established": 900, "time_wait": 3000})
    one = subject(connections=more, past=hosts.nights(3))
    assert rules(one) == {"connections.established": "warning"}
    assert "where 40 are usual" in only(one).message


def test_many_towards_one_endpoint_are_no_news_where_they_are_usual() -> None:
    busy = but(hosts.CONNECTIONS, states={"time_wait": 6_000}, by_remote=remote(time_wait=6_000))
    assert rules(subject(connections=busy, past=hosts.nights(3, connections=busy))) == {}


def test_who_and_whither_are_told() -> None:
    finding = only(subject(connections=but(hosts.CONNECTIONS, by_process=[SHOP])))
    assert (
        "java (pid 812, unit shop.service) holds 4,112 connections in CLOSE_WAIT towards 10.0.1.20:5432"
        in finding.message
    )
    flood = but(hosts.CONNECTIONS, states={"time_wait": 12_000}, by_remote=remote(time_wait=11_000))
    assert "11,000 towards 10.0.1.30:6379" in only(subject(connections=flood)).message
    served = but(
        hosts.CONNECTIONS,
        states={"time_wait": 12_000},
        by_local_port=[ByLocalPort(port=80, count=12_000, states={"time_wait": 12_000}, name="nginx")],
    )
    assert "12,000 at port 80 of nginx" in only(subject(connections=served)).message
