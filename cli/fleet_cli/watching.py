"""Sweep after sweep for the minutes of an incident, and what each changes."""

from __future__ import annotations

import time

from rich.text import Text

from fleet_cli import database, exits, scanning
from fleet_cli.render import scan, terminal
from fleet_cli.settings import Settings
from fleet_collector import transport
from fleet_collector.record import Record
from fleet_collector.store import Database
from fleet_collector.sweep import Plan
from fleet_collector.wording import plain


def watch(
    asked: scanning.Asked, settings: Settings, db: str | None, every_seconds: float, for_seconds: float
) -> int:
    """Look until the time is over or somebody interrupts; return the exit code of the last look."""
    chosen = scanning.plan(asked, settings)
    console = terminal.out()
    known: dict[str, set[str]] = {}
    rows: list[scan.Row] = []
    end = time.monotonic() + for_seconds
    with database.connect(db, settings) as opened:
        while True:
            began = time.monotonic()
            records: list[Record] = []
            swept = _look(chosen, opened, asked, records)
            rows = [scan.row(record) for record in records]
            seconds = (swept.finished_at or swept.started_at) - swept.started_at
            console.print(
                Text(f"{time.strftime('%H:%M:%S', time.gmtime())}Z  {scan.summary(rows, seconds)}", "dim")
            )
            for line in _news(rows, known):
                console.print(line)
            if swept.interrupted:
                return exits.INTERRUPTED
            pause = max(every_seconds - (time.monotonic() - began), 0)
            if time.monotonic() + pause >= end:
                return exits.of(row.severity for row in rows)
            time.sleep(pause)


def _look(chosen: Plan, opened: Database, asked: scanning.Asked, records: list[Record]) -> scanning.Swept:
    return transport.run(scanning.run(chosen, opened, f"watch {' '.join(asked.words)}", records.append))


def _news(rows: list[scan.Row], known: dict[str, set[str]]) -> list[Text]:
    """Findings that began or ended since the last look; ``known`` is brought up to date."""
    lines = []
    for row in sorted(rows, key=lambda row: row.host):
        told = {(finding.rule, finding.subject): finding for finding in row.findings}
        now = {f"{rule} {subject}" for rule, subject in told}
        before = known.get(row.host)
        for (rule, subject), finding in told.items():
            if before is None or f"{rule} {subject}" not in before:
                severity = terminal.severity(finding.severity)
                lines.append(
                    Text.assemble("  ", severity, f"  {plain(row.host, 60)}: {plain(finding.message)}")
                )
        lines += [
            Text.assemble("  ", ("over", "green"), f"  {plain(row.host, 60)}: {plain(gone, 100)}")
            for gone in (sorted((before or set()) - now) if row.answered else ())
        ]
        if row.failure is not None:
            lines.append(Text(f"  NO ANSWER  {plain(row.host, 60)}: {row.failure.message}", style="magenta"))
        if row.answered:
            known[row.host] = now
    return lines
