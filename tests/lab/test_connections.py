"""Step 8: connections that pile up, are not closed, or use up the local ports."""

from __future__ import annotations

import pytest

from fleet_collector.findings.expected import Expected

from .machine import Machine
from .verdict import first
from .wire import GATEWAY, Wire

pytestmark = pytest.mark.full


def test_a_flood_of_connections_from_one_peer(connected: Machine, wire: Wire) -> None:
    fault = connected.start("sockets", "listen", "shop", "0.0.0.0", 8080)
    wire.outside.start("sockets", "opens", "crawler", "10.77.0.11", 8080, 2200)
    cause = first(connected.ask(), connected)
    assert cause.rule == "connections.established"
    assert cause.evidence["pid"] == fault.pid
    assert f"2,200 of them with {GATEWAY} alone; shop (pid {fault.pid}) holds 2,200" in cause.message


def test_connections_that_are_not_closed(host: Machine) -> None:
    host.start("sockets", "closes_first", "backend", "127.0.0.2", 9000)
    fault = host.start("sockets", "opens", "leaky", "127.0.0.2", 9000, 300)
    cause = first(host.ask(), host)
    assert cause.rule == "connections.close_wait"
    assert cause.message.startswith(
        f"leaky (pid {fault.pid}) holds 300 connections in CLOSE_WAIT towards 127.0.0.2:9000"
    )


def keep_time_wait(machine: Machine) -> None:
    """On loopback the kernel reuses what is a second old, unless told (ip-sysctl.rst, tcp_tw_reuse)."""
    machine.write("/proc/sys/net/ipv4/tcp_tw_reuse", "0")


def test_a_flood_of_short_connections(host: Machine) -> None:
    keep_time_wait(host)
    host.start("sockets", "closes_last", "backend", "127.0.0.2", 9000)
    host.start("sockets", "short", "poller", "127.0.0.2", 9000, 11_000)
    cause = first(host.ask(), host)
    assert cause.rule == "connections.time_wait"
    assert cause.subject == "127.0.0.2:9000"


def test_short_connections_use_up_the_local_ports(host: Machine) -> None:
    keep_time_wait(host)
    host.write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40299")
    host.start("sockets", "closes_last", "backend", "127.0.0.2", 9000)
    fault = host.start("sockets", "short", "poller", "127.0.0.2", 9000, 280)
    cause = first(host.ask(), host)
    assert cause.rule == "connections.local_ports"
    assert cause.severity == "critical"
    assert cause.subject == "127.0.0.2:9000"
    assert f"the client is poller (pid {fault.pid})" in cause.message


def test_no_local_port_is_left_for_others(host: Machine) -> None:
    host.write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40299")
    host.start("sockets", "listen", "backend", "127.0.0.2", 9000)
    fault = host.start("sockets", "opens", "hoarder", "127.0.0.2", 9000, 400)
    cause = first(host.ask(expected=Expected(reach=("tcp://127.0.0.2:9000",))), host)
    assert cause.rule == "connections.local_ports"
    assert cause.evidence["pid"] == fault.pid
    assert [effect.rule for effect in cause.explains] == ["reach.local_ports"]


def test_a_pile_of_unanswered_requests(connected: Machine) -> None:
    fault = connected.start("sockets", "asks", "client", "10.77.0.99", 5432, 60)
    cause = first(connected.ask(), connected)
    assert cause.rule == "connections.syn_sent"
    assert cause.message == (
        f"60 connections to 10.77.0.99:5432 wait for an answer; client (pid {fault.pid}) asks"
    )
