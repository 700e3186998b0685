"""The lab's machines. Its tests run one after the other: their faults are heavy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fleet_collector.causes.why import why

from . import machine as machines
from .machine import Machine
from .wire import Wire, laid


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == machines.HERE:
            item.add_marker(pytest.mark.xdist_group("lab"))


@pytest.fixture
def host() -> Iterator[Machine]:
    """A fresh machine web1 with a systemd, no network but loopback."""
    if reason := machines.missing():
        pytest.skip(reason)
    with machines.booted("web1") as machine:
        yield machine


@pytest.fixture(scope="session")
def _known() -> set[tuple[str, str]]:
    with machines.this_machine() as machine:
        return {(cause.rule, cause.subject) for cause in why([machine.ask()]).causes}


@pytest.fixture
def here(_known: set[tuple[str, str]]) -> Iterator[Machine]:
    """The machine the tests run on."""
    with machines.this_machine() as machine:
        machine.known = _known
        yield machine


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A wire to plug machines into."""
    if reason := machines.missing():
        pytest.skip(reason)
    with laid() as wire:
        yield wire


@pytest.fixture
def connected(host: Machine, wire: Wire) -> Machine:
    """The machine web1 on the wire, with a default route and no name server."""
    wire.plug(host)
    return host
