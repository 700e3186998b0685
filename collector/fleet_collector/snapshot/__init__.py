"""A snapshot: what one host answered, checked and typed.

The agent's frames become these structs at the border and nowhere else; a fact that was not measured is
``None``, never zero. Sizes are bytes, times are seconds since the epoch (UTC) on the host's own clock,
percentages run from 0 to 100, durations carry their unit in the name.

Schema history
    1  first form
"""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from msgspec import field

from fleet_collector.snapshot.connections import Connections
from fleet_collector.snapshot.cpu import Cpu
from fleet_collector.snapshot.disk import Disk
from fleet_collector.snapshot.fact import Bytes, Count, Fact, Number, Text
from fleet_collector.snapshot.identity import Identity
from fleet_collector.snapshot.logs import Logs
from fleet_collector.snapshot.memory import Memory
from fleet_collector.snapshot.network import Network
from fleet_collector.snapshot.ports import Ports
from fleet_collector.snapshot.processes import Processes
from fleet_collector.snapshot.reach import Reach
from fleet_collector.snapshot.services import Services

SCHEMA = 1

STEPS = (
    "identity",
    "cpu",
    "memory",
    "processes",
    "services",
    "network",
    "reach",
    "ports",
    "connections",
    "disk",
    "logs",
)

Status = Literal["ok", "partial", "denied", "absent", "timeout", "error"]

T = TypeVar("T")


class Section(Fact, Generic[T], frozen=True, kw_only=True, omit_defaults=False):
    """One step's answer: ``data`` is None unless ``status`` is ok or partial.

    ``notes`` says of single facts why they are missing or cut, as in ``{"pressure": "absent",
    "top": "cut at 10 of 312"}``; one that begins with denied, timeout or error makes the section partial.
    """

    status: Status
    ms: Number = 0.0
    notes: dict[Text, Text] = field(default_factory=dict)
    data: T | None = None


class Agent(Fact, frozen=True, kw_only=True):
    """The program that collected, and what it cost the host."""

    version: Text
    python: Text | None = None
    uid: Count | None = None
    started_at: Number | None = None  # host clock
    wall_ms: Number | None = None
    cpu_ms: Number | None = None
    max_rss_bytes: Bytes | None = None
    finished: bool = False  # its last frame arrived


class Snapshot(Fact, frozen=True, kw_only=True, omit_defaults=False):
    """All eleven sections; a section that did not arrive is None."""

    schema: int
    agent: Agent
    identity: Section[Identity] | None = None
    cpu: Section[Cpu] | None = None
    memory: Section[Memory] | None = None
    processes: Section[Processes] | None = None
    services: Section[Services] | None = None
    network: Section[Network] | None = None
    reach: Section[Reach] | None = None
    ports: Section[Ports] | None = None
    connections: Section[Connections] | None = None
    disk: Section[Disk] | None = None
    logs: Section[Logs] | None = None
