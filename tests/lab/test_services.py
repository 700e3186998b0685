"""Step 4: services that failed, restart in a loop, or run without their port; units of a real systemd."""

from __future__ import annotations

import re

import pytest

from fleet_collector.findings.expected import Expected

from .machine import Machine
from .verdict import first

pytestmark = pytest.mark.full

FAILS = "ExecStart=/bin/sh -c 'echo cannot read /etc/shop.conf; exit 3'"


def test_a_failed_service(host: Machine) -> None:
    host.service("shop", FAILS)
    host.wait_for_unit("shop", "failed")
    cause = first(host.ask(), host)
    assert cause.rule == "services.failed"
    assert cause.subject == "shop"
    assert re.search(r": exit status 3 \(sh: cannot read /etc/shop.conf\)$", cause.message)


def test_a_service_that_restarts_in_a_loop(host: Machine) -> None:
    host.service("shop", FAILS, "Restart=always", "RestartSec=0.1", "[Unit]", "StartLimitIntervalSec=0")
    host.wait_for("systemctl show -p NRestarts --value shop", "[3-9]|[0-9]{2,}")
    cause = first(host.ask(), host)
    assert cause.rule == "services.looping"
    assert cause.subject == "shop"
    assert "cannot read /etc/shop.conf" in cause.message


def test_two_services_that_fight_for_a_port(host: Machine) -> None:
    listens = "ExecStart=/usr/bin/env python3 -S /opt/faults/sockets.py listen"
    host.service("shop", f"{listens} shop 0.0.0.0 8080")
    host.wait_for("ss -Hlnt", ":8080")
    again = ("Restart=always", "RestartSec=0.1", "[Unit]", "StartLimitIntervalSec=0")
    host.service("billing", f"{listens} billing 0.0.0.0 8080", *again)
    host.wait_for("systemctl show -p NRestarts --value billing", "[3-9]|[0-9]{2,}")
    cause = first(host.ask(), host)
    assert (cause.rule, cause.subject, cause.evidence["name"]) == ("ports.taken", "tcp/8080", "shop")
    assert cause.message.endswith("so billing cannot have it")
    assert [effect.rule for effect in cause.explains] == ["services.looping"]


def test_a_wanted_service_that_was_stopped(host: Machine) -> None:
    host.service("shop", "ExecStart=/bin/sleep 100", start=False)
    cause = first(host.ask(expected=Expected(services=("shop",), processes=("shop",))), host)
    assert cause.rule == "services.wanted"
    assert cause.subject == "shop"
    assert [effect.rule for effect in cause.explains] == ["processes.wanted"]


def test_a_wanted_service_whose_dependency_failed(host: Machine) -> None:
    host.service("data", "Type=oneshot", "ExecStart=/bin/sh -c 'echo no such volume; exit 1'", start=False)
    host.service("shop", "ExecStart=/bin/sleep 100", "[Unit]", "Requires=data.service", "After=data.service")
    host.wait_for_unit("data", "failed")
    cause = first(host.ask(expected=Expected(services=("shop",))), host)
    assert (cause.rule, cause.subject, cause.severity) == ("services.failed", "data", "critical")
    assert [effect.message for effect in cause.explains] == ["shop is wanted and is inactive"]


def test_a_service_that_runs_without_its_port(host: Machine) -> None:
    host.service("shop", "ExecStart=/bin/sleep 100")
    host.wait_for_unit("shop", "running")
    cause = first(host.ask(expected=Expected(ports=("8080=shop",))), host)
    assert cause.rule == "services.deaf"
    assert cause.message == "shop is active, but does not listen on tcp/8080"
    assert [effect.rule for effect in cause.explains] == ["ports.wanted"]


def test_a_service_crowded_out_of_its_port(host: Machine) -> None:
    host.start("sockets", "listen", "squatter", "0.0.0.0", 8080)
    host.service("shop", "ExecStart=/usr/bin/env python3 -S /opt/faults/sockets.py listen shop 0.0.0.0 8080")
    host.wait_for_unit("shop", "failed")
    expected = Expected(services=("shop",), processes=("shop",), ports=("8080=shop",))
    cause = first(host.ask(expected=expected), host)
    assert cause.rule == "ports.owner"
    assert cause.subject == "tcp/8080"
    assert cause.evidence["name"] == "squatter"
    assert "services.failed" in [effect.rule for effect in cause.explains]
