"""A check at work on this machine, a recorded tree, or a network namespace of its own."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from fleet_agent.host import Host
from fleet_agent.section import Section
from fleet_agent.table import Table

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1


class MakeSection(Protocol):
    """Makes a Section: of this machine, or of the tree under ``root``."""

    def __call__(
        self, *, root: Path | str = "/", first: Any = None, seconds: float = 1.0, **request: Any
    ) -> Section: ...


def make(*, root: Path | str = "/", first: Any = None, seconds: float = 1.0, **request: Any) -> Section:
    host = Host(str(root))
    table = Table(host)
    if host.live:
        table.read()
    return Section(host, request, table, first, seconds)


@pytest.fixture
def section() -> MakeSection:
    return make


Inside = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def inside_namespace() -> Inside:
    """Run a function in a child with a network of its own, loopback up: its result passes as JSON.

    Without root the child is root of a user namespace, where the system allows that.
    """
    if os.geteuid() and not _inside(lambda: True, attempt=True):
        pytest.skip("needs root, or user namespaces")
    return _inside


@pytest.fixture
def as_root_inside_namespace() -> Inside:
    """The same with real root, for sysctls and packet filters."""
    if os.geteuid():
        pytest.skip("needs root")
    return _inside


def _inside(function: Callable[[], Any], attempt: bool = False) -> Any:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _act(function, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as answers:
        answer = answers.read()
    _, status = os.waitpid(child, 0)
    assert attempt or status == 0, answer.decode()
    return status == 0 if attempt else json.loads(answer)


def _act(function: Callable[[], Any], writer: int) -> None:
    status = 1
    try:
        assert ctypes.CDLL(None).unshare(CLONE_NEWNET | (CLONE_NEWUSER if os.geteuid() else 0)) == 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
        os.write(writer, json.dumps(function()).encode())
        status = 0
    except BaseException as fault:  # the parent must hear of it, whatever it is
        os.write(writer, repr(fault).encode())
    finally:
        os._exit(status)
