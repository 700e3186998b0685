"""What holds for a host by its settings; apart from the sweep, since judging what is stored needs no SSH."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleet_collector.bundle import Request
from fleet_collector.findings.expected import Expected
from fleet_collector.findings.thresholds import Thresholds


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is asked of a host and what it is judged by; hosts of the same groups share one."""

    request: Request
    thresholds: Thresholds = field(default_factory=Thresholds)
    expected: Expected = field(default_factory=Expected)
