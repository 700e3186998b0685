"""Step 5: links, the default route, the name server."""

from __future__ import annotations

import pytest

from fleet_collector.findings.expected import Expected

from .machine import Machine, booted, past_of
from .verdict import first, ranked
from .wire import GATEWAY, Wire

pytestmark = pytest.mark.full

FAR = "tcp://198.51.100.7:443"  # documentation addresses (RFC 5737): nobody's


def test_a_dead_name_server(connected: Machine, wire: Wire) -> None:
    wire.outside.start("sockets", "silent_udp", "named", GATEWAY, 53)
    connected.write("/etc/resolv.conf", f"nameserver {GATEWAY}\n")
    cause = first(connected.ask(expected=Expected(reach=("tcp://db.example:5432",))), connected)
    assert cause.rule == "network.resolver"
    assert cause.subject == GATEWAY
    assert [effect.rule for effect in cause.explains] == ["reach.unresolved"]


def test_no_default_route(connected: Machine) -> None:
    connected.run("ip", "route", "del", "default")
    cause = first(connected.ask(expected=Expected(reach=(FAR,))), connected)
    assert cause.rule == "network.no_default_route"
    assert [effect.subject for effect in cause.explains] == [FAR]


def test_a_link_that_is_down(connected: Machine, wire: Wire) -> None:
    wire.outside.run("ip", "link", "set", "port11", "down")
    cause = first(connected.ask(expected=Expected(reach=("tcp://10.77.0.99:5432",))), connected)
    assert cause.rule == "network.link_down"
    assert cause.subject == "eth0"
    assert cause.severity == "critical"
    assert [effect.step for effect in cause.explains] == ["reach"]


def test_a_router_that_does_not_answer(connected: Machine) -> None:
    connected.run("ip", "route", "replace", "default", "via", "10.77.0.98")
    cause = first(connected.ask(expected=Expected(reach=(FAR,))), connected)
    assert cause.rule == "network.gateway"
    assert cause.subject == "10.77.0.98"
    assert [effect.subject for effect in cause.explains] == [FAR]


def test_a_link_that_flaps(connected: Machine, wire: Wire) -> None:
    before = connected.ask()
    for state in ("down", "up") * 4:
        wire.outside.run("ip", "link", "set", "port11", state)
    cause = first(connected.ask(past=past_of(before)), connected)
    assert (cause.rule, cause.subject) == ("network.flapping", "eth0")
    assert "8 changes since the last scan" in cause.message


def test_two_default_routes(connected: Machine) -> None:
    connected.run("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "other")
    connected.run("ip", "address", "add", "10.78.0.2/24", "dev", "eth1")
    connected.run("ip", "link", "set", "other", "up")
    connected.run("ip", "link", "set", "eth1", "up")
    connected.run("ip", "route", "append", "default", "via", "10.78.0.1")
    cause = first(connected.ask(), connected)
    assert cause.rule == "network.two_default_routes"
    assert "via 10.77.0.1 on eth0 and 10.78.0.1 on eth1" in cause.message


def test_an_mtu_that_others_do_not_have(connected: Machine, wire: Wire) -> None:
    with booted("db1") as db1:
        wire.plug(db1)
        db1.run("ip", "link", "set", "eth0", "mtu", "1400")
        causes = ranked([connected.ask(), db1.ask()], [connected, db1])
    assert [(cause.rule, cause.hosts) for cause in causes] == [("network.mtu", ["db1"])]
    assert "has an MTU of 1400, where web1 in 10.77.0.0/24 has 1500" in causes[0].message


def test_an_interface_that_was_taken_down(connected: Machine) -> None:
    before = connected.ask()
    connected.run("ip", "link", "set", "eth0", "down")
    cause = first(connected.ask(past=past_of(before)), connected)
    assert cause.rule == "network.no_default_route"
    assert cause.message == (
        "There is no default route, as there was at the last scan; eth0, 10.77.0.11, was taken down"
    )
