"""Step 7: wanted ports without their owner, and listeners that do not accept."""

from __future__ import annotations

import socket

import pytest

from fleet_collector.findings.expected import Expected

from .machine import Machine
from .verdict import first


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_the_wrong_process_on_a_wanted_port(here: Machine) -> None:
    port = free_port()
    fault = here.start("sockets", "listen", "squatter", "127.0.0.1", port)
    cause = first(here.ask(expected=Expected(ports=(f"{port}=nginx",))), here)
    assert cause.rule == "ports.owner"
    assert cause.message == f"tcp/{port} is held by squatter (pid {fault.pid}) and not by nginx"


def test_nobody_on_a_wanted_port(here: Machine) -> None:
    port = free_port()
    cause = first(here.ask(expected=Expected(ports=(f"{port}=nginx",))), here)
    assert cause.rule == "ports.wanted"
    assert cause.message == f"Nothing listens on tcp/{port}, where nginx should"


@pytest.mark.full
def test_a_listener_that_does_not_accept(host: Machine) -> None:
    fault = host.start("sockets", "deaf", "sleepy", "127.0.0.1", 8080, 20)
    cause = first(host.ask(interval_seconds=1.0), host)
    assert cause.rule == "ports.backlog"
    assert cause.evidence["pid"] == fault.pid
    assert cause.message.startswith(f"sleepy (pid {fault.pid}) does not accept on tcp/8080")
