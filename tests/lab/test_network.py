"""Step 5: links, the default route, the name server."""

from __future__ import annotations

import pytest

from fleet_collector.findings.expected import Expected

from .machine import Machine, past_of
from .verdict import first
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


def test_an_interface_that_was_taken_down(connected: Machine) -> None:
    before = connected.ask()
    connected.run("ip", "link", "set", "eth0", "down")
    cause = first(connected.ask(past=past_of(before)), connected)
    assert cause.rule == "network.no_default_route"
    assert cause.message == (
        "There is no default route, as there was at the last scan; eth0, 10.77.0.11, was taken down"
    )
