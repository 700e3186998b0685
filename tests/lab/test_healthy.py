"""Healthy hosts raise no alarm at the default thresholds, idle or normally busy, scan after scan."""

from __future__ import annotations

import pytest

from fleet_collector.causes.diagnosis import Judged
from fleet_collector.findings.past import Past, extended

from .machine import Machine
from .verdict import alarms
from .wire import GATEWAY, Wire

pytestmark = pytest.mark.full

SCANS = 20
INTERVAL_SECONDS = 0.2


def scanned(machine: Machine) -> list[str]:
    """The alarms of many scans, each judged by what the ones before have seen."""
    found: list[str] = []
    past = Past()
    for _ in range(SCANS):
        judged: Judged = machine.ask(past=past, interval_seconds=INTERVAL_SECONDS)
        found += alarms(judged, machine)
        assert judged.snapshot is not None
        past = extended(past, judged.taken_at, judged.snapshot)
    return found


@pytest.fixture
def healthy(connected: Machine, wire: Wire) -> Machine:
    """A machine with a router and a name server that answer."""
    wire.outside.start("sockets", "name_server", "named", GATEWAY, 53)
    connected.write("/etc/resolv.conf", f"nameserver {GATEWAY}\n")
    return connected


def test_an_idle_host(healthy: Machine) -> None:
    assert scanned(healthy) == []


def test_a_normally_busy_host(healthy: Machine) -> None:
    healthy.service("web", "ExecStart=/usr/bin/env python3 -m http.server 8080 --directory /srv")
    healthy.service("backup", "Type=oneshot", "ExecStart=/bin/true", "RemainAfterExit=yes")
    healthy.wait_for_unit("web", "running")
    healthy.wait_for("ss -Hlnt", ":8080")
    healthy.start("sockets", "customers", "customers", "127.0.0.1", 8080)
    healthy.start("work", "errands", "cron")
    healthy.start("work", "cpu_hog", "batch", 1, 19)
    healthy.start("files", "log", "web-log", "/var/log/web.log", 1, 0)
    healthy.run("truncate", "--size=20G", "/var/log/lastlog")
    for number in range(1, 5):
        healthy.run("cp", "/var/log/web.log", f"/var/log/web.log.{number}")
    healthy.run("mkdir", "-p", "/srv/mirror")
    healthy.run("mount", "--bind", "-o", "ro", "/usr/share", "/srv/mirror")
    healthy.run("mount", "-o", "remount,bind,ro", "/srv/mirror")
    assert scanned(healthy) == []
