"""Step 6: what a host cannot open, and why, from both ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fleet_collector.causes.diagnosis import Cause
from fleet_collector.findings.expected import Expected

from .machine import Machine, booted
from .test_ports import free_port
from .verdict import first, ranked
from .wire import Wire

DB1 = "10.77.0.12"  # the second to be plugged in


def test_a_refused_port(here: Machine) -> None:
    port = free_port()
    cause = first(here.ask(expected=Expected(reach=(f"tcp://127.0.0.1:{port}",))), here)
    assert cause.rule == "ports.not_listening"
    assert cause.message == f"Nothing listens on tcp/{port} of {here.name}"
    assert [effect.rule for effect in cause.explains] == ["reach.refused"]


@pytest.fixture
def db1(connected: Machine, wire: Wire) -> Iterator[Machine]:
    """A second machine, with a database that has all its clients could want."""
    with booted("db1") as machine:
        assert wire.plug(machine) == DB1
        yield machine


def drop(machine: Machine, *words: str) -> None:
    """Filter what comes in to a machine."""
    machine.run("nft", "add table inet lab")
    machine.run("nft", "add chain inet lab input { type filter hook input priority 0; }")
    machine.run("nft", "add", "rule", "inet", "lab", "input", *words)


def asked(target: str, *machines: Machine) -> Cause:
    """The first cause when the first machine wants to reach a target, all of them in question."""
    prober, *others = machines
    answers = [prober.ask(expected=Expected(reach=(target,))), *(other.ask() for other in others)]
    found = ranked(answers, machines)
    assert found, [one.message for judged in answers for one in judged.findings]
    return found[0]


@pytest.mark.full
def test_a_listener_on_loopback_only(connected: Machine, db1: Machine) -> None:
    fault = db1.start("sockets", "listen", "postgres", "127.0.0.1", 5432)
    cause = asked(f"tcp://{DB1}:5432", connected, db1)
    assert cause.rule == "ports.loopback_only"
    assert cause.hosts == ["db1"]
    assert cause.message == f"postgres (pid {fault.pid}) on db1 listens on 127.0.0.1 only, port 5432"
    assert [(effect.host, effect.rule) for effect in cause.explains] == [("web1", "reach.refused")]


@pytest.mark.full
def test_nobody_listens_on_the_target(connected: Machine, db1: Machine) -> None:
    cause = asked(f"tcp://{DB1}:5432", connected, db1)
    assert (cause.rule, cause.hosts) == ("ports.not_listening", ["db1"])
    assert cause.message == "Nothing listens on tcp/5432 of db1"


@pytest.mark.full
def test_a_service_that_ends_because_its_database_is_not_there(connected: Machine, db1: Machine) -> None:
    words = f"could not connect to {DB1}:5432: Connection refused"
    connected.service("shop", f"ExecStart=/bin/sh -c 'echo {words}; exit 1'")
    connected.wait_for_unit("shop", "failed")
    cause = asked(f"tcp://{DB1}:5432", connected, db1)
    assert (cause.rule, cause.hosts) == ("ports.not_listening", ["db1"])
    assert [effect.rule for effect in cause.explains] == ["reach.refused", "services.failed"]


@pytest.mark.full
def test_a_firewall_on_the_asking_host(connected: Machine, db1: Machine) -> None:
    db1.start("sockets", "deaf", "postgres", "0.0.0.0", 5432, 20)
    connected.run("nft", "add table inet lab")
    connected.run("nft", "add chain inet lab output { type filter hook output priority 0; }")
    connected.run("nft", "add rule inet lab output tcp dport 5432 reject")
    expected = Expected(reach=(f"tcp://{DB1}:5432",))
    found = ranked([connected.ask(expected=expected), db1.ask(interval_seconds=1.0)], [connected, db1])
    assert {cause.rule: cause.hosts for cause in found} == {
        "ports.backlog": ["db1"],
        "reach.filter_between": ["web1"],
    }


@pytest.mark.full
def test_a_filter_on_the_target(connected: Machine, db1: Machine) -> None:
    fault = db1.start("sockets", "listen", "postgres", "0.0.0.0", 5432)
    drop(db1, "tcp dport 5432 drop")
    cause = asked(f"tcp://{DB1}:5432", connected, db1)
    assert (cause.rule, cause.hosts) == ("reach.filter_at_target", ["db1"])
    assert cause.message.startswith(f"postgres (pid {fault.pid}) on db1 listens on tcp/5432, and nobody gets")
    assert [effect.rule for effect in cause.explains] == ["reach.filtered"]


@pytest.mark.full
def test_a_firewall_that_rejects(connected: Machine, db1: Machine) -> None:
    db1.start("sockets", "listen", "postgres", "0.0.0.0", 5432)
    drop(db1, "tcp dport 5432 reject with icmp type admin-prohibited")
    cause = asked(f"tcp://{DB1}:5432", connected, db1)
    assert (cause.rule, cause.hosts) == ("reach.filter_at_target", ["db1"])
    assert [effect.rule for effect in cause.explains] == ["reach.unreachable"]


@pytest.mark.full
def test_a_filter_between_two_hosts(connected: Machine, db1: Machine, wire: Wire) -> None:
    db1.start("sockets", "listen", "postgres", "0.0.0.0", 5432)
    drop(db1, "ip saddr 10.77.0.11 tcp dport 5432 drop")
    expected = Expected(reach=(f"tcp://{DB1}:5432",))
    with booted("web2") as web2:
        wire.plug(web2)
        answers = [connected.ask(expected=expected), web2.ask(expected=expected), db1.ask()]
        cause = ranked(answers, [connected, web2, db1])[0]
    assert (cause.rule, cause.hosts) == ("reach.filter_between", ["web1"])
    assert cause.message == f"Only web1 fails to open {DB1}:5432, web2 can: a filter or a route between"


@pytest.mark.full
def test_a_target_that_is_off(connected: Machine) -> None:
    cause = asked("tcp://10.77.0.99:5432", connected)
    assert cause.rule in {"reach.unreachable", "reach.filtered"}  # as the next hop is given up in time or not
    assert cause.subject == "tcp://10.77.0.99:5432"


@pytest.mark.full
def test_a_closed_udp_port(connected: Machine, db1: Machine) -> None:
    cause = asked(f"udp://{DB1}:123", connected, db1)
    assert (cause.rule, cause.hosts) == ("ports.not_listening", ["db1"])
    assert cause.message == "Nothing listens on udp/123 of db1"


@pytest.mark.full
def test_silence_over_udp_is_no_failure(connected: Machine, db1: Machine) -> None:
    db1.start("sockets", "silent_udp", "ntpd", "0.0.0.0", 123)
    expected = Expected(reach=(f"udp://{DB1}:123",))
    assert ranked([connected.ask(expected=expected), db1.ask()], [connected, db1]) == []
