"""One file a step: what `fleet show` prints of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fleet_cli.render.steps import (
    connections,
    cpu,
    disk,
    identity,
    logs,
    memory,
    network,
    ports,
    processes,
    reach,
    services,
)
from fleet_cli.render.steps.block import Block

BLOCKS: dict[str, Callable[[Any], Block]] = {
    "identity": identity.block,
    "cpu": cpu.block,
    "memory": memory.block,
    "processes": processes.block,
    "services": services.block,
    "network": network.block,
    "reach": reach.block,
    "ports": ports.block,
    "connections": connections.block,
    "disk": disk.block,
    "logs": logs.block,
}
