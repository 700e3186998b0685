"""A wire between lab machines: a bridge in a network of its own, where outsiders may stand as well."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .machine import Machine

NETWORK = "10.77.0"
GATEWAY = f"{NETWORK}.1"


@dataclass
class Wire:
    """``outside`` is a machine with no processes of its own: what runs there is nobody's in the question."""

    outside: Machine
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(11))

    def plug(self, machine: Machine) -> str:
        """Give a machine an eth0 on the wire, the default route over it, and the name of its address."""
        address = f"{NETWORK}.{next(self.numbers)}"
        port = f"port{address.rpartition('.')[2]}"
        self.outside.run(
            "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(machine.outer_pid)
        )  # fmt: skip
        self.outside.run("ip", "link", "set", port, "master", "br0", "up")
        machine.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
        machine.run("ip", "link", "set", "eth0", "up")
        machine.run("ip", "route", "add", "default", "via", GATEWAY)
        return address


@contextmanager
def laid() -> Iterator[Wire]:
    """A wire with a router at its first address. Needs root."""
    process = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "echo; exec sleep 600"], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        process.stdout.readline()
        outside = Machine("outside", ("nsenter", f"--target={process.pid}", "--net"), outer_pid=process.pid)
        outside.run("ip", "link", "set", "lo", "up")
        outside.run("ip", "link", "add", "br0", "type", "bridge")
        outside.run("ip", "address", "add", f"{GATEWAY}/24", "dev", "br0")
        outside.run("ip", "link", "set", "br0", "up")
        try:
            yield Wire(outside)
        finally:
            outside.end_faults()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
