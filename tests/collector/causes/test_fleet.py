"""Causes that need two hosts, folding, and scans that failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_collector.causes.diagnosis import Diagnosis, Judged, LastGood
from fleet_collector.causes.why import why
from fleet_collector.findings.expected import Expected
from fleet_collector.findings.finding import found
from fleet_collector.findings.judge import judge
from fleet_collector.folding import fold
from fleet_collector.snapshot.connections import ByLocalPort, ByPeer, ByProcess, ByRemote
from fleet_collector.snapshot.disk import Volume
from fleet_collector.snapshot.network import Interface, Route
from fleet_collector.snapshot.ports import Listener
from fleet_collector.snapshot.reach import Probe, Reach, ReachResult
from fleet_collector.snapshot.services import Unit
from tests.collector import hosts
from tests.collector.hosts import NOW, but, subject

DB = Listener(
    protocol="tcp", address="0.0.0.0", port=5432, pid=70, name="postgres", unit="postgresql.service"
)


def host(name: str, number: int, **facts: Any) -> Judged:
    """A host of its own name, machine and address."""
    lo = (hosts.NETWORK.interfaces or [])[0]
    own = Interface(name="eth0", up=True, carrier=True, kind="physical", addresses=[f"10.0.1.{number}/24"])
    facts.setdefault("network", but(hosts.NETWORK, interfaces=[lo, own]))
    facts.setdefault("identity", but(hosts.IDENTITY, hostname=name, machine_id=f"m{number}"))
    past = facts.pop("past", None)
    one = subject(host=name, past=past, **facts)
    return Judged(host=name, taken_at=NOW, snapshot=one.snapshot, findings=judge(one), past=one.past)


def prober(name: str, number: int, result: ReachResult, **changes: Any) -> Judged:
    probe = Probe(
        target="tcp://db1:5432", protocol="tcp", host="db1", port=5432, result=result, address="10.0.1.20"
    )
    return host(name, number, reach=Reach(probes=[but(probe, **changes)]))


def db(*listeners: Listener, **facts: Any) -> Judged:
    return host(
        "db1", 20, ports=but(hosts.PORTS, listeners=[*(hosts.PORTS.listeners or []), *listeners]), **facts
    )


def first(*judged: Judged) -> tuple[str, str, str, set[str]]:
    cause = why(judged).causes[0]
    return cause.rule, cause.hosts_folded, cause.message, {effect.host for effect in cause.explains}


def test_a_target_that_listens_on_loopback_only() -> None:
    found_first = first(
        prober("web1", 1, "refused"), prober("web2", 2, "refused"), db(but(DB, address="127.0.0.1"))
    )
    assert found_first == (
        "ports.loopback_only",
        "db1",
        "postgres (pid 70, unit postgresql.service) on db1 listens on 127.0.0.1 only, port 5432",
        {"web1", "web2"},
    )


def test_a_target_that_does_not_listen() -> None:
    rule, where, message, who = first(prober("web1", 1, "refused"), db())
    assert (rule, where, message, who) == (
        "ports.not_listening",
        "db1",
        "Nothing listens on tcp/5432 of db1",
        {"web1"},
    )


def test_one_service_that_is_down_for_different_reasons() -> None:
    wanted = Expected(services=("shop",))
    units = [
        Unit(name="shop.service", active="inactive", load="loaded"),
        Unit(name="shop.service", active="inactive", load="masked"),
        Unit(name="shop.service", active="inactive", load="masked"),
    ]
    found = why(
        [
            host(
                f"web{n}",
                n,
                services=but(hosts.SERVICES, units=[*(hosts.SERVICES.units or []), unit]),
                expected=wanted,
            )
            for n, unit in enumerate(units, 1)
        ]
    )
    assert [(cause.hosts_folded, cause.message) for cause in found.causes] == [
        ("web[2-3]", "shop is wanted and is masked"),
        ("web1", "shop is wanted and is inactive"),
    ]


def test_a_target_whose_service_failed() -> None:
    failed = Unit(name="postgresql.service", active="failed", result="exit-code", since=NOW - 60)
    services = but(hosts.SERVICES, units=[*(hosts.SERVICES.units or []), failed])
    past = hosts.nights(1, ports=but(hosts.PORTS, listeners=[*(hosts.PORTS.listeners or []), DB]))
    diagnosis = why([prober("web1", 1, "refused"), db(services=services, past=past)])
    assert [(cause.rule, cause.hosts) for cause in diagnosis.causes] == [("services.failed", ["db1"])]
    assert [effect.host for effect in diagnosis.causes[0].explains] == ["web1"]


def test_only_one_prober_fails() -> None:
    rule, where, message, _ = first(prober("web1", 1, "filtered"), prober("web2", 2, "open"), db(DB))
    assert (rule, where) == ("reach.filter_between", "web1")
    assert message == "Only web1 fails to open db1:5432, web2 can: a filter or a route between"


def test_nobody_gets_through_to_one_who_listens() -> None:
    rule, where, message, who = first(prober("web1", 1, "filtered"), prober("web2", 2, "filtered"), db(DB))
    assert (rule, where, who) == ("reach.filter_at_target", "db1", {"web1", "web2"})
    assert message.endswith("listens on tcp/5432, and nobody gets through: a filter on db1 or before it")


def test_a_full_queue_at_the_target() -> None:
    rule, where, _, who = first(prober("web1", 1, "filtered"), db(but(DB, queue=200, backlog=128)))
    assert (rule, where, who) == ("ports.backlog", "db1", {"web1"})


def test_a_process_that_hangs_refuses_nobody() -> None:
    hangs = db(but(DB, queue=200, backlog=128))
    diagnosis = why([prober("web1", 1, "filtered"), prober("web2", 2, "refused"), hangs])
    assert [(cause.rule, cause.hosts) for cause in diagnosis.causes] == [
        ("ports.backlog", ["db1"]),
        ("reach.filter_between", ["web2"]),
    ]
    assert diagnosis.causes[1].message == (
        "postgres (pid 70, unit postgresql.service) on db1 listens on tcp/5432 and web2 is refused:"
        " a firewall rejects"
    )


def test_many_connections_seen_from_both_ends_are_one_cause() -> None:
    states = {"established": 3_000}
    opened = ByRemote(address="10.0.1.20", port=5432, count=3_000, states=states)
    poller = ByProcess(pid=9, name="poller", count=3_000, states=states, remotes=[opened])
    client = but(hosts.CONNECTIONS, states=states, by_remote=[opened], by_process=[poller])
    peer = ByPeer(address="10.0.1.3", count=3_000, states=states)
    server = but(hosts.CONNECTIONS, states=states, by_peer=[peer])
    (cause,) = why([host("web3", 3, connections=client), db(DB, connections=server)]).causes
    assert (cause.hosts, [effect.host for effect in cause.explains]) == (["web3"], ["db1"])
    assert cause.message == (
        "3,000 connections are open, 3,000 of them with db1:5432 alone; poller (pid 9) holds 3,000"
    )


@pytest.mark.parametrize(
    ("words", "follows"),
    [
        ("shop[9]: could not connect to db1:5432: Connection refused", True),
        ('connection to server at "db1" (10.0.1.20), port 5432 failed: Connection refused', True),
        ("shop[9]: cannot read /etc/shop.conf", False),
        ("shop[9]: could not connect to db1:6379", False),
    ],
)
def test_a_service_that_names_the_place_it_cannot_open(words: str, follows: bool) -> None:
    shop = Unit(name="shop.service", active="failed", result="exit-code", since=NOW - 60, log=[words])
    services = but(hosts.SERVICES, units=[*(hosts.SERVICES.units or []), shop])
    client = host("web1", 1, services=services)
    server = db(expected=Expected(ports=("5432",)))
    cause = why([client, server]).causes[0]
    assert (cause.rule, cause.hosts) == ("ports.wanted", ["db1"])
    assert ([effect.host for effect in cause.explains] == ["web1"]) == follows


def test_a_service_that_names_a_target_of_its_own_host() -> None:
    log = ["shop[9]: could not connect to cache:6379: Connection timed out"]
    shop = Unit(name="shop.service", active="failed", result="exit-code", since=NOW - 60, log=log)
    services = but(hosts.SERVICES, units=[*(hosts.SERVICES.units or []), shop])
    target = "tcp://cache:6379"
    probe = Probe(
        target=target, protocol="tcp", host="cache", port=6379, result="filtered", address="10.9.9.9"
    )
    (cause,) = why([host("web1", 1, services=services, reach=Reach(probes=[probe]))]).causes
    assert cause.rule == "reach.filtered"
    assert [effect.rule for effect in cause.explains] == ["services.failed"]


def test_a_target_on_another_address() -> None:
    rule, _, message, _ = first(prober("web1", 1, "refused"), db(but(DB, address="10.9.9.9")))
    assert rule == "ports.other_address"
    assert "listens on 10.9.9.9 only, asked is 10.0.1.20" in message


def test_a_target_that_is_none_of_ours() -> None:
    diagnosis = why([prober("web1", 1, "refused"), prober("web2", 2, "refused")])
    assert [(cause.rule, cause.hosts_folded) for cause in diagnosis.causes] == [("reach.refused", "web[1-2]")]


def test_a_host_that_asks_itself() -> None:
    own = Probe(
        target="tcp://10.0.1.1:8080",
        protocol="tcp",
        host="10.0.1.1",
        port=8080,
        result="refused",
        address="10.0.1.1",
    )
    ports = but(hosts.PORTS, listeners=[but(DB, port=8080, address="127.0.0.1")])
    rule, where, _, _ = first(host("web1", 1, reach=Reach(probes=[own]), ports=ports))
    assert (rule, where) == ("ports.loopback_only", "web1")


def leak(number: int) -> Judged:
    states = {"close_wait": 4112}
    remote = ByRemote(address="10.0.1.20", port=5432, count=4112, states=states)
    shop = ByProcess(pid=812, name="java", unit="shop.service", count=4112, states=states, remotes=[remote])
    return host(f"web{number}", number, connections=but(hosts.CONNECTIONS, by_process=[shop], states=states))


def test_both_ends_of_a_leak() -> None:
    side = but(hosts.CONNECTIONS, by_local_port=[ByLocalPort(port=5432, count=3, states={"established": 3})])
    rule, where, message, _ = first(leak(3), db(DB, connections=side))
    assert (rule, where) == ("connections.close_wait", "web3")
    assert "towards db1:5432: it does not close them; db1 still has 3 of its own there" in message


def test_a_slow_peer_is_the_cause_of_a_leak() -> None:
    diagnosis = why([leak(3), leak(4), db(but(DB, queue=200, backlog=128))])
    (cause,) = diagnosis.causes
    assert (cause.rule, cause.hosts) == ("ports.backlog", ["db1"])
    assert {effect.host for effect in cause.explains} == {"web3", "web4"}


def test_the_same_cause_on_many_hosts_is_one_line() -> None:
    hung = but(hosts.DISK, volumes=[Volume(mount="/mnt/a", type="nfs4", hung=True, server="nas1")])
    also = but(hosts.DISK, volumes=[Volume(mount="/mnt/b", type="nfs4", hung=True, server="nas1")])
    other = but(hosts.DISK, volumes=[Volume(mount="/mnt/b", type="nfs4", hung=True, server="nas2")])
    judged = [*(host(f"web{n:02}", n, disk=hung) for n in range(1, 8)), host("web12", 12, disk=also)]
    diagnosis = why([*judged, host("web13", 13, disk=other)])
    assert [cause.hosts_folded for cause in diagnosis.causes] == ["web[01-07,12]", "web13"]
    assert [cause.rank for cause in diagnosis.causes] == [1, 2]


def test_one_address_on_two_machines() -> None:
    diagnosis = why([host("web1", 7), host("web2", 7, identity=but(hosts.IDENTITY, machine_id="other"))])
    assert [(cause.rule, cause.subject, cause.hosts) for cause in diagnosis.causes] == [
        ("network.duplicate_address", "10.0.1.7", ["web1", "web2"])
    ]
    veth = Interface(name="eth0", up=True, kind="virtual", addresses=["10.0.1.9/24"])
    route = Route(destination="default", gateway="10.0.1.1", interface="eth0")
    guest = but(hosts.NETWORK, interfaces=[veth], default_routes=[route])
    (cause,) = why([host("web1", 1, network=guest), host("web2", 2, network=guest)]).causes
    assert cause.subject == "10.0.1.9"
    assert why([host("web1", 7), host("web2", 7)]).causes == []  # one machine under two names


def jumbo(name: str, mtu: int, address: str) -> Judged:
    eth0 = Interface(name="eth0", up=True, carrier=True, kind="physical", mtu=mtu, addresses=[address])
    identity = but(hosts.IDENTITY, machine_id=name)
    return host(name, 1, identity=identity, network=but(hosts.NETWORK, interfaces=[eth0]))


def test_one_of_a_network_with_another_mtu() -> None:
    fleet = [jumbo(f"web{n}", 1500, f"10.0.1.{n}/24") for n in (1, 2, 3)]
    assert why(fleet).causes == []
    assert why([*fleet, jumbo("db1", 9000, "10.0.2.9/24"), jumbo("x", 9000, "10.0.1.8/32")]).causes == []
    (cause,) = why([*fleet, jumbo("db1", 9000, "10.0.1.9/24"), jumbo("odd", 9000, "nonsense")]).causes
    assert (cause.rule, cause.severity, cause.hosts) == ("network.mtu", "warning", ["db1"])
    assert cause.message == (
        "eth0 has an MTU of 9000, where web1, web2 and web3 in 10.0.1.0/24 have 1500: large packets get lost"
    )


@dataclass(frozen=True)
class Failed:
    kind: str
    stage: str
    message: str
    hint: str | None = None


def dead(name: str, kind: str = "timeout", stage: str = "connect", **more: Any) -> Judged:
    return Judged(host=name, taken_at=NOW, failure=Failed(kind, stage, "No answer within 10 s."), **more)


def test_a_scan_that_failed_is_a_cause_with_its_last_good_word() -> None:
    last = LastGood(NOW - 3600, (found("disk.space", "warning", "/", "/ is 99 % full, 1.0 GiB left"),))
    neighbours = [Judged(host=f"10.0.2.{n}", taken_at=NOW, snapshot=hosts.snapshot()) for n in (1, 2, 3)]
    diagnosis = why([dead("db1", address="10.0.2.9", last_good=last), *neighbours])
    (cause,) = diagnosis.causes
    assert (cause.rule, cause.severity, cause.hosts) == ("scan.timeout", "unknown", ["db1"])
    assert cause.message.startswith("Not scanned: No answer within 10 s (connect); likely the host is off")
    assert "3 of the other 3 hosts in 10.0.2.0/24 answer" in cause.message
    assert cause.message.endswith("then: / is 99 % full, 1.0 GiB left")
    assert ("scan", ["db1"]) in [(gap.step, gap.hosts) for gap in diagnosis.not_measured]


def test_a_silent_host_explains_who_cannot_reach_it() -> None:
    diagnosis = why([dead("db1"), prober("web1", 1, "filtered")])
    (cause,) = diagnosis.causes
    assert (cause.rule, cause.severity, cause.hosts) == ("scan.timeout", "critical", ["db1"])
    refused = why([dead("db1", "auth", "login"), prober("web1", 1, "filtered")])
    assert [cause.rule for cause in refused.causes] == ["reach.filtered", "scan.auth"]


def test_a_whole_subnet_that_is_silent() -> None:
    diagnosis = why([dead(f"10.0.3.{n}") for n in range(1, 5)])
    (cause,) = diagnosis.causes
    assert cause.hosts_folded == "10.0.3.[1-4]"
    assert "none of the other 3 hosts in 10.0.3.0/24 could be scanned either" in cause.message


def test_no_hosts_no_causes() -> None:
    assert why([]) == Diagnosis(causes=[], fine=[], not_measured=[])


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        ([], ""),
        (["web1"], "web1"),
        (["web01", "web02", "web03", "web12"], "web[01-03,12]"),
        (["10.0.0.1", "10.0.0.2"], "10.0.0.[1-2]"),
        (["a1.example.com", "a2.example.com"], "a[1-2].example.com"),
        (["web1:2222", "web1:2223"], "web1:[2222-2223]"),
        (["a[1]", "b"], "a[1],b"),
        (["@all", "b"], "@all,b"),
        (["a b", "c,d"], "a b,c,d"),
        (["web1", "web01"], "web[1,01]"),
    ],
)
def test_folding(names: list[str], folded: str) -> None:
    assert fold(names) == folded


@given(st.lists(st.text(st.sampled_from("ab01.-:[]@!&^, "), min_size=1, max_size=6), max_size=6, unique=True))
def test_folding_takes_any_names(names: list[str]) -> None:
    assert fold(names) != "" or not names
