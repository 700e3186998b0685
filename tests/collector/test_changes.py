from __future__ import annotations

from typing import Any

import pytest

from fleet_collector.changes import Change, diff, shared_changes
from fleet_collector.findings.thresholds import GIB, MIB
from fleet_collector.snapshot import Section
from fleet_collector.snapshot.logs import LogFile, Logs
from fleet_collector.snapshot.network import Resolver, Route
from fleet_collector.snapshot.ports import Listener
from fleet_collector.snapshot.processes import ProcessGroup
from fleet_collector.snapshot.services import Unit
from tests.collector import hosts
from tests.collector.hosts import DAY, NOW, but, snapshot


def listeners(*more: Listener) -> Any:
    return but(hosts.PORTS, listeners=[*(hosts.PORTS.listeners or []), *more])


def groups(*more: ProcessGroup) -> Any:
    return but(hosts.PROCESSES, groups=[*(hosts.PROCESSES.groups or []), *more])


def units(*more: Unit) -> Any:
    return but(hosts.SERVICES, units=[*(hosts.SERVICES.units or []), *more])


def files(size: int) -> Logs:
    return Logs(files=[LogFile(path="/srv/a.log", size_bytes=size)])


SHOP = ProcessGroup(name="shop", count=2, rss_bytes=MIB, started_at=NOW - DAY, user="shop")
WEB = Listener(protocol="tcp", address="::", port=8080, pid=1, name="java")

CHANGES: list[tuple[dict[str, Any], tuple[str, str, str | None, str | None]]] = [
    ({"ports": listeners(WEB)}, ("listener", "tcp/8080 on ::", None, "java")),
    ({"identity": but(hosts.IDENTITY, boot_id="boot-2")}, ("boot", "boot", "boot-1", "boot-2")),
    ({"identity": but(hosts.IDENTITY, kernel="6.2")}, ("kernel", "kernel", None, "6.2")),
    ({"services": units(Unit(name="x.service", active="failed"))}, ("unit", "x.service", None, "failed")),
    ({"processes": groups(SHOP)}, ("process", "shop", None, "running as shop")),
    (
        {"disk": but(hosts.DISK, volumes=[but(hosts.ROOT, read_only=True)])},
        ("mount", "/", "ext4 on /dev/vda1, writable", "ext4 on /dev/vda1, read-only"),
    ),
    (
        {
            "network": but(
                hosts.NETWORK,
                default_routes=[Route(destination="default", gateway="10.0.1.9", interface="eth0")],
            )
        },
        ("route", "default", "via 10.0.1.1 dev eth0", "via 10.0.1.9 dev eth0"),
    ),
    (
        {"network": but(hosts.NETWORK, resolver=Resolver(servers=["9.9.9.9"]))},
        ("resolver", "servers", "10.0.1.2", "9.9.9.9"),
    ),
    ({"processes": but(hosts.PROCESSES, pid_max=32768)}, ("limit", "pid_max", "4194304", "32768")),
    ({"logs": files(5 * GIB)}, ("large_file", "/srv/a.log", None, "about 4.9 GiB")),
]


@pytest.mark.parametrize(("facts", "expected"), CHANGES)
def test_what_changed(facts: dict[str, Any], expected: tuple[str, str, str | None, str | None]) -> None:
    (change,) = diff(snapshot(), snapshot(**facts))
    assert (change.kind, change.subject, change.before, change.after) == expected
    (back,) = diff(snapshot(**facts), snapshot())
    assert (back.before, back.after) == (change.after, change.before)


NOISE: list[dict[str, Any]] = [
    {"ports": listeners(Listener(protocol="udp", address="0.0.0.0", port=44444, name="dig"))},
    {
        "ports": but(
            hosts.PORTS, listeners=[but(one, pid=4711, queue=3) for one in hosts.PORTS.listeners or []]
        )
    },
    {"processes": groups(but(SHOP, started_at=NOW - 5))},
    {"processes": but(hosts.PROCESSES, total=999, threads=1999)},
    {"services": units(Unit(name="once.service", active="inactive", type="oneshot"))},
    {"ports": Section(status="timeout")},
    {"ports": None},
    {"connections": but(hosts.CONNECTIONS, states={"time_wait": 9})},
]


@pytest.mark.parametrize("facts", NOISE)
def test_what_is_noise(facts: dict[str, Any]) -> None:
    assert diff(snapshot(), snapshot(**facts)) == []


def test_a_daemon_that_restarted_has_not_gone() -> None:
    young = but(
        hosts.PROCESSES, groups=[but(one, started_at=NOW - 5) for one in hosts.PROCESSES.groups or []]
    )
    assert diff(snapshot(), snapshot(processes=young)) == []


def test_a_list_of_the_largest_processes_says_nothing_of_the_rest() -> None:
    many = groups(*(but(SHOP, name=f"p{n}") for n in range(20)))
    fewer = but(many, groups=(many.groups or [])[1:])
    assert diff(snapshot(processes=many), snapshot(processes=fewer)) == []


def test_a_file_is_told_when_it_has_grown_by_half() -> None:
    assert diff(snapshot(logs=files(1000 * MIB)), snapshot(logs=files(1010 * MIB))) == []
    assert len(diff(snapshot(logs=files(1000 * MIB)), snapshot(logs=files(1600 * MIB)))) == 1


def test_the_most_suspicious_kind_comes_first() -> None:
    after = snapshot(
        logs=files(GIB), ports=listeners(WEB), identity=but(hosts.IDENTITY, boot_id="boot-2", kernel="6.2")
    )
    assert [change.kind for change in diff(snapshot(), after)] == ["boot", "kernel", "listener", "large_file"]


def test_what_sick_hosts_share_and_well_ones_do_not() -> None:
    guilty = Change(kind="resolver", subject="servers", before="a", after="b", step="network")
    common = Change(kind="kernel", subject="kernel", before="1", after="2", step="identity")
    lone = Change(kind="unit", subject="x", before="active", after="failed", step="services")
    shared = shared_changes(
        {"web1": [guilty, common], "web2": [guilty, common, lone]}, {"web3": [common], "web4": [common]}
    )
    assert [(one.change, one.sick, one.well) for one in shared] == [
        (guilty, ["web1", "web2"], []),
        (lone, ["web2"], []),
        (common, ["web1", "web2"], ["web3", "web4"]),
    ]
    assert (shared[0].sick_total, shared[0].well_total) == (2, 2)
