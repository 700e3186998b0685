"""The list of hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fleet_cli.render import terminal
from fleet_cli.when import iso
from fleet_collector.findings.finding import ORDER
from fleet_collector.findings.words import several
from fleet_collector.folding import fold
from fleet_collector.store import HostSummary
from fleet_collector.wording import duration, plain

SHOW_ALL = 30  # hosts, as in the scan table

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


def table(hosts: Sequence[HostSummary], now: float) -> RenderableType:
    """The severest first, and how long ago each answered; of many hosts the fine ones in one line."""
    ordered = sorted(hosts, key=lambda host: (-ORDER[host.last.severity], host.name))
    fine = [host for host in ordered if host.last.severity == "ok"]
    if len(ordered) <= SHOW_ALL or not fine:
        return _grid(ordered, now)
    trouble = [host for host in ordered if host.last.severity != "ok"]
    longest = _ago(min(host.last.taken_at for host in fine), now)
    names = plain(fold([host.name for host in fine]), 2000)
    line = Text.assemble(("ok  ", "green"), f"{names}: {several(len(fine), 'host')}, seen {longest} or later")
    return Group(_grid(trouble, now), Text(), line) if trouble else line


def _grid(hosts: Sequence[HostSummary], now: float) -> Table:
    grid = terminal.table("HOST", "STATE", "ANSWERED", "SINCE THEN")
    for host in hosts:
        failed = host.last.status == "failed"
        state = terminal.severity("failed", "NO ANSWER") if failed else terminal.severity(host.last.severity)
        grid.add_row(plain(host.name, 60), state, _ago(host.answered_at, now), _since(host))
    return grid


def _ago(at: int | None, now: float) -> str:
    return "never" if at is None else f"{duration(max(now - at / 1000, 0))} ago"


def _since(host: HostSummary) -> str:
    if not host.failures_since or host.last.failure is None:
        return ""
    if host.failures_since == 1:
        return plain(host.last.failure.message, 600)
    times = several(host.failures_since, "failure")
    return f"{times}, the last: {plain(host.last.failure.message, 600)}"
