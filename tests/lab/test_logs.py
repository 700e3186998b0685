"""Step 10: logs that grow without rotation, whose rotation fails, or whose writer kept the old file."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fleet_collector.findings.thresholds import MIB, Thresholds

from .machine import Machine
from .verdict import first

LARGE = Thresholds(logs_large_bytes=2 * MIB)
LOG = "/var/log/shop/shop.log"
RULE = (
    f"{LOG} {{\n    daily\n    rotate 7\n    postrotate\n        systemctl reload shop\n    endscript\n}}\n"
)


def test_a_log_that_grows(here: Machine, tmp_path: Path) -> None:
    path = tmp_path / "shop.log"
    fault = here.start("files", "log", "chatterbox", path, 4)
    cause = first(here.ask(thresholds=LARGE), here)
    assert (cause.rule, cause.subject) == ("logs.growing", str(path))
    assert f"written by chatterbox (pid {fault.pid})" in cause.message
    assert "no rule of logrotate covers it" in cause.message


@pytest.mark.full
def test_a_log_that_fills_its_volume_soon(host: Machine) -> None:
    host.run("mkdir", "/var/log/shop")
    fault = host.start("files", "log", "chatterbox", LOG, 10)
    cause = first(host.ask(), host)
    assert (cause.rule, cause.subject, cause.severity) == ("logs.growing", LOG, "critical")
    assert cause.evidence["pid"] == fault.pid
    assert "/var/log is full in" in cause.message


def logrotate(machine: Machine) -> None:
    """A host with logrotate, a rule for the log, and a state of ten days ago, as of one that fails since."""
    machine.write("/usr/sbin/logrotate", "#!/bin/sh\nexit 1\n")
    machine.run("chmod", "755", "/usr/sbin/logrotate")
    machine.write("/etc/logrotate.conf", "include /etc/logrotate.d\n")
    machine.write("/etc/logrotate.d/shop", RULE)
    rotated = time.strftime("%Y-%-m-%-d-%H:%M:%S", time.localtime(time.time() - 10 * 86400))
    machine.write("/var/lib/logrotate/status", f'logrotate state -- version 2\n"{LOG}" {rotated}\n')
    machine.run("mkdir", "-p", "/var/log/shop")


@pytest.mark.full
def test_a_log_whose_rotation_fails(host: Machine) -> None:
    logrotate(host)
    fault = host.start("files", "log", "chatterbox", LOG, 2, 1)
    cause = first(host.ask(), host)
    assert (cause.rule, cause.subject) == ("logs.not_rotated", LOG)
    assert "it should rotate daily and did last 10 d ago (rule in /etc/logrotate.d/shop)" in cause.message
    assert cause.evidence["pid"] == fault.pid


@pytest.mark.full
def test_why_a_rotation_fails(host: Machine) -> None:
    logrotate(host)
    host.run("chmod", "777", "/var/log/shop")
    host.start("files", "log", "chatterbox", LOG, 2, 1)
    cause = first(host.ask(), host)
    assert cause.rule == "logs.logrotate"
    assert f"{LOG}: skipped by logrotate: /var/log/shop is writable by group or others" in cause.message
    assert [effect.rule for effect in cause.explains] == ["logs.not_rotated"]


@pytest.mark.full
def test_a_writer_that_kept_the_rotated_file(host: Machine) -> None:
    host.run("mkdir", "/var/log/shop")
    fault = host.start("files", "rotated", "chatterbox", LOG, 4)
    cause = first(host.ask(), host)
    assert (cause.rule, cause.subject) == ("logs.old_file", f"{LOG}.1")
    assert cause.evidence["pid"] == fault.pid
    assert "it was rotated and its writer kept it open" in cause.message
