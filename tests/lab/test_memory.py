"""Step 2: who holds the memory, and whom the kernel killed for it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet_collector.findings.thresholds import Thresholds

from .machine import Machine, remove_control_group
from .verdict import first

pytestmark = pytest.mark.full

ALL_OF_IT = 1 << 50  # a limit that every machine is below


def test_who_holds_the_memory_is_named(host: Machine) -> None:
    fault = host.start("work", "memory_hog", "hoarder", 300)
    judged = host.ask(thresholds=Thresholds(memory_available_bytes=ALL_OF_IT))
    cause = first(judged, host)
    assert cause.rule == "memory.available"
    assert cause.subject == "hoarder"
    assert cause.evidence["pid"] == fault.pid
    assert cause.evidence["rss_bytes"] >= 300 << 20


def test_a_service_that_the_kernel_killed(host: Machine) -> None:
    with memory_group("cart.service", megabytes=32) as group:
        script = f"/usr/bin/env python3 -S /opt/faults/work.py grow cart 200 {group}"
        host.service("cart", f"ExecStart={script}")
        host.wait_for_unit("cart", "failed")
        cause = first(host.ask(), host)
    assert cause.rule == "memory.oom"
    assert cause.subject == "cart.service"
    assert cause.message.startswith("The kernel killed cart (pid ")
    assert cause.evidence["in_group"] is True
    assert [effect.rule for effect in cause.explains] == ["services.failed"]


@contextmanager
def memory_group(name: str, megabytes: int) -> Iterator[str]:
    """A control group with a limit, of whatever version has the memory; its path inside the machine."""
    top = Path("/sys/fs/cgroup")
    unified = (top / "cgroup.procs").exists()
    if unified and "memory" not in (top / "cgroup.subtree_control").read_text():
        pytest.skip("needs the memory controller")
    top = top if unified else top / "memory"
    parent = top / f"fleet-lab-{os.getpid()}-{secrets.token_hex(4)}"
    group = parent / name
    try:
        parent.mkdir()
        if unified:
            (parent / "cgroup.subtree_control").write_text("+memory")
        group.mkdir()
        limit = "memory.max" if unified else "memory.limit_in_bytes"
        (group / limit).write_text(str(megabytes << 20))
        if (group / "memory.swap.max").exists():
            (group / "memory.swap.max").write_text("0")
        yield f"/opt/memory/{group.relative_to(top)}"
    finally:
        remove_control_group(parent)
