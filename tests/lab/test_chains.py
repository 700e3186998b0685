"""Faults together: what follows from another is one cause, what does not stands apart."""

from __future__ import annotations

import pytest

from fleet_collector.findings.expected import Expected

from .machine import Machine, booted
from .test_disk import DATA, volume
from .verdict import ranked
from .wire import Wire

pytestmark = pytest.mark.full


def test_a_log_a_full_volume_and_a_failed_service_are_one(host: Machine) -> None:
    volume(host)
    log = f"{DATA}/shop.log"
    fault = host.start("files", "log", "chatterbox", log, 60, 256)
    host.wait_for(f"df --output=avail {DATA}", r"\n\s*0\b")
    script = f"/usr/bin/env python3 -S /opt/faults/files.py wants_space billing {DATA}/spool"
    host.service("billing", f"ExecStart={script}")
    host.wait_for_unit("billing", "failed")
    causes = ranked([host.ask()], [host])
    assert [cause.subject for cause in causes] == [log]
    assert causes[0].rule in {"logs.growing", "logs.large"}  # as the volume has a byte left or not
    assert causes[0].evidence["pid"] == fault.pid
    assert [(effect.rule, effect.subject) for effect in causes[0].explains] == [
        ("disk.space", DATA),
        ("services.failed", "billing"),
    ]
    assert causes[0].severity == "critical"


def test_a_deleted_file_and_its_full_volume_are_one(host: Machine) -> None:
    volume(host)
    fault = host.start("files", "deleted", "holder", f"{DATA}/export.csv", 63)
    (cause,) = ranked([host.ask()], [host])
    assert (cause.rule, cause.evidence["pid"]) == ("disk.deleted", fault.pid)
    assert [effect.rule for effect in cause.explains] == ["disk.space"]


def test_a_leak_of_connections_and_of_descriptors_are_one(host: Machine) -> None:
    host.start("sockets", "closes_first", "backend", "127.0.0.2", 9000)
    fault = host.start("sockets", "opens", "leaky", "127.0.0.2", 9000, 300)
    host.run("prlimit", "--pid", str(fault.pid), "--nofile=310:310")
    (cause,) = ranked([host.ask()], [host])
    assert (cause.rule, cause.subject) == ("connections.close_wait", "leaky")
    assert [effect.rule for effect in cause.explains] == ["processes.open_files"]


def test_two_faults_that_share_nothing(host: Machine) -> None:
    volume(host)
    host.run("fallocate", "-l", "63M", f"{DATA}/monday.tar")
    host.start("work", "threads", "threader", 850)
    causes = ranked([host.ask()], [host])
    assert [(cause.rule, cause.subject) for cause in causes] == [
        ("disk.space", DATA),
        ("processes.many_threads", "threader"),
    ]
    assert not any(cause.explains for cause in causes)


def test_zombies_beside_a_failed_service(host: Machine) -> None:
    host.service("shop", "ExecStart=/bin/false")
    host.wait_for_unit("shop", "failed")
    host.start("work", "zombies", "careless", 12)
    causes = ranked([host.ask(expected=Expected(services=("shop",)))], [host])
    assert [(cause.rule, cause.subject) for cause in causes] == [
        ("services.failed", "shop"),
        ("processes.zombies", "careless"),
    ]


def test_requests_that_pile_up_before_a_deaf_service(connected: Machine, wire: Wire) -> None:
    with booted("db1") as db1:
        address = wire.plug(db1)
        fault = db1.start("sockets", "deaf", "postgres", "0.0.0.0", 5432, 0)
        connected.start("sockets", "asks", "shop", address, 5432, 60)
        answers = [connected.ask(), db1.ask()]
        causes = ranked(answers, [connected, db1])
    assert (causes[0].rule, causes[0].hosts) == ("ports.backlog", ["db1"])
    assert causes[0].evidence["pid"] == fault.pid
    assert ("web1", "connections.syn_sent") in [(one.host, one.rule) for one in causes[0].explains]


def test_one_cause_on_many_hosts_is_one_line(host: Machine) -> None:
    with booted("web2") as web2:
        for machine in (host, web2):
            machine.service("shop", "ExecStart=/bin/false")
            machine.wait_for_unit("shop", "failed")
        causes = ranked([host.ask(), web2.ask()], [host, web2])
    assert [(cause.rule, cause.hosts_folded) for cause in causes] == [("services.failed", "web[1-2]")]
