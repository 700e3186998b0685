"""Sweep after sweep for the minutes of an incident, and what each changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import msgspec
from rich.text import Text

from fleet_cli import database, ending, exits, scanning
from fleet_cli.render import scan, terminal
from fleet_cli.settings import Settings
from fleet_collector import transport
from fleet_collector.limits import Limits
from fleet_collector.record import Record
from fleet_collector.store import Database
from fleet_collector.sweep import Plan
from fleet_collector.wording import plain

PACES = 2  # a host may take so many paces for a look; a dead one must not keep the others waiting (ours)
LEAST_SECONDS = 10.0  # but so long at the least: a host in trouble is a slow one (ours)


def watch(
    asked: scanning.Asked, settings: Settings, db: str | None, every_seconds: float, for_seconds: float
) -> int:
    """Look until the time is over or somebody interrupts; return the exit code of the last look."""
    chosen = scanning.plan(asked, settings)
    if asked.timeout_seconds is None:
        chosen = replace(chosen, limits=_bounded(chosen.limits, every_seconds))
    with database.connect(db, settings, create=True) as opened:
        return transport.run(_watch(chosen, asked.words, opened, every_seconds, for_seconds))


def _bounded(limits: Limits, every_seconds: float) -> Limits:
    most = max(PACES * every_seconds, LEAST_SECONDS)
    return msgspec.structs.replace(limits, total_seconds=min(limits.total_seconds, most))


async def _watch(
    chosen: Plan, words: Sequence[str], opened: Database, every_seconds: float, for_seconds: float
) -> int:
    """Look again and again, through connections that stay open."""
    known: dict[str, set[str]] = {}
    stop, began = asyncio.Event(), time.monotonic()
    with ending.signals(stop):
        async with transport.Ssh(chosen.ssh, chosen.limits, keep=True) as connections:
            for number in count():
                swept, rows = await _look(chosen, words, opened, stop, connections, wait=number > 0)
                _tell(rows, swept, known)
                if swept.interrupted:
                    break
                pause = _pause(time.monotonic() - began, every_seconds)
                if time.monotonic() + pause >= began + for_seconds:
                    return exits.of(row.severity for row in rows)
                if await ending.asked_within(pause, stop):
                    break
    return exits.INTERRUPTED


async def _look(
    chosen: Plan,
    words: Sequence[str],
    opened: Database,
    stop: asyncio.Event,
    connections: transport.Ssh,
    *,
    wait: bool,
) -> tuple[scanning.Swept, list[scan.Row]]:
    """Make one sweep; a nightly one that comes in between is waited for, but not by the first look."""
    records: list[Record] = []
    swept = await scanning.run(
        chosen,
        opened,
        f"watch {' '.join(words)}",
        records.append,
        stop,
        wait=wait,
        connections=None if chosen.local else connections,
    )
    return swept, [scan.row(record) for record in records]


def _pause(gone_seconds: float, every_seconds: float) -> float:
    """Seconds until the next look: paces are counted from the first one, so that they do not drift."""
    return every_seconds - gone_seconds % every_seconds


def _tell(rows: list[scan.Row], swept: scanning.Swept, known: dict[str, set[str]]) -> None:
    console = terminal.out()
    seconds = (swept.finished_at or swept.started_at) - swept.started_at
    console.print(Text(f"{time.strftime('%H:%M:%S', time.gmtime())}Z  {scan.summary(rows, seconds)}", "dim"))
    for line in _news(rows, known):
        console.print(line)


def _news(rows: list[scan.Row], known: dict[str, set[str]]) -> list[Text]:
    """What began or ended since the last look; ``known`` is brought up to date."""
    lines = []
    for row in sorted(rows, key=lambda row: row.host):
        before = known.get(row.host, set())
        told = _told(row)
        lines += [line for key, line in told.items() if key not in before]
        now = set(told) if row.answered else set(told) | before  # of the others nobody knows
        lines += [
            Text.assemble("  ", ("over", "green"), f"  {plain(row.host, 60)}: {plain(gone, 100)}")
            for gone in sorted(before - now)
        ]
        known[row.host] = now
    return lines


def _told(row: scan.Row) -> dict[str, Text]:
    """A line for everything that is wrong, by what it is."""
    host = plain(row.host, 60)
    lines = {
        f"{finding.rule} {finding.subject}": Text.assemble(
            "  ", terminal.severity(finding.severity), f"  {host}: {plain(finding.message)}"
        )
        for finding in row.findings
    }
    if row.failure is not None:
        message = f"  NO ANSWER  {host}: {plain(row.failure.message, 600)}"
        lines[f"no answer ({row.failure.kind})"] = Text(message, style=terminal.STYLES["failed"])
    return lines
