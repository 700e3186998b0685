"""The list of hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from fleet_cli.render import terminal
from fleet_cli.when import iso
from fleet_collector.findings.finding import ORDER
from fleet_collector.findings.words import several
from fleet_collector.store import HostSummary
from fleet_collector.wording import duration, plain

COLUMNS = ("host", "severity", "status", "scanned_at", "answered_at", "failures_since", "error")


def row(host: HostSummary) -> dict[str, Any]:
    """One host for scripts."""
    return {
        "host": host.name,
        "severity": host.last.severity,
        "status": host.last.status,
        "scanned_at": iso(host.last.taken_at / 1000),
        "answered_at": None if host.answered_at is None else iso(host.answered_at / 1000),
        "failures_since": host.failures_since,
        "error": host.last.failure and host.last.failure.message,
    }


def table(hosts: Sequence[HostSummary], now: float) -> Table:
    """The severest first; how long ago each answered."""
    grid = terminal.table("HOST", "STATE", "ANSWERED", "SINCE THEN")
    for host in sorted(hosts, key=lambda host: (-ORDER[host.last.severity], host.name)):
        failed = host.last.status == "failed"
        state = terminal.severity("failed", "NO ANSWER") if failed else terminal.severity(host.last.severity)
        grid.add_row(plain(host.name, 60), state, _ago(host.answered_at, now), _since(host))
    return grid


def _ago(at: int | None, now: float) -> str:
    return "never" if at is None else f"{duration(max(now - at / 1000, 0))} ago"


def _since(host: HostSummary) -> str:
    if not host.failures_since or host.last.failure is None:
        return ""
    times = several(host.failures_since, "failure")
    return f"{times}, the last: {plain(host.last.failure.message)}"
