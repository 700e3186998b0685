"""The way to the hosts: SSH through asyncssh, which no other module imports, or a process of this machine.

ssh_config ─┐
target ─────┴ route ─┬ known_hosts, keys, algorithms ─ connection ─ session ─ answer
                     └ bastions (connections that carry others)
"""

from __future__ import annotations

from fleet_collector.limits import Limits
from fleet_collector.transport.asyncssh_import import asyncssh as _asyncssh  # noqa: F401 - before all others
from fleet_collector.transport.loop import run
from fleet_collector.transport.program import Program
from fleet_collector.transport.session import Answer
from fleet_collector.transport.ssh import Ssh, SshOptions

__all__ = ["Answer", "Limits", "Program", "Ssh", "SshOptions", "run"]
