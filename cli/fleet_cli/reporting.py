"""A sweep with everything around it: the database, the progress, the report, the exit code."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fleet_cli import database, ending, exits, scanning
from fleet_cli.options import Format
from fleet_cli.render import data, documents, scan, terminal
from fleet_cli.settings import Settings
from fleet_collector import retention, store, transport
from fleet_collector.folding import fold
from fleet_collector.missed import missed_night, silent
from fleet_collector.record import Record
from fleet_collector.store import Database
from fleet_collector.sweep import Plan
from fleet_collector.transport.keys import AskPassphrase
from fleet_collector.wording import plain

LEAST_PRUNED = 2_000  # scans
FORETOLD_AFTER = 8  # scans: fewer make no trend
FORETOLD_AT_ONCE = 500  # hosts: the numbers of ten thousand take half a gigabyte
UNSEEN_DAYS = 3  # after so long somebody should look at a host that used to answer (ours)
FORGOTTEN_DAYS = 30  # later only `fleet hosts --unseen` still speaks of it
CSV_COLUMNS = ("host", "status", "severity", "taken_at", "duration_ms", "error", "findings")


def report(
    asked: scanning.Asked,
    settings: Settings,
    db: str | None,
    *,
    format_: Format,
    full: bool,
    quiet: bool,
    wait: bool,
) -> int:
    """Make a sweep, print what came of it, and return the exit code."""
    chosen = scanning.plan(asked, settings)
    collected = _Collected(format_, full=full)
    with database.connect(db, settings, create=True) as opened:
        _warn_of_missed(opened)
        with _progress(len(chosen.targets), shown=not quiet) as bar:
            polite = replace(
                chosen, ssh=replace(chosen.ssh, ask_passphrase=bar.polite(chosen.ssh.ask_passphrase))
            )
            swept = _sweep(polite, opened, asked, collected, bar.advance, wait=wait)
        _print(collected, swept, format_, quiet=quiet)
        if swept.trouble is None:
            _afterwards(opened, settings, [target.name for target in chosen.targets])
        _warn_of(swept, opened)
    if swept.interrupted:
        return exits.INTERRUPTED
    return exits.of(row.severity for row in collected.rows)


def _afterwards(opened: Database, settings: Settings, names: list[str]) -> None:
    """Look ahead, for the next sweep to say, and thin what is old: twice as fast as sweeps add to it."""
    now = store.now_ms()
    known = store.scanned_often(opened, names, FORETOLD_AFTER)
    if known:
        from fleet_collector import foretelling  # and with it NumPy, for nothing where all hosts are new

        for start in range(0, len(known), FORETOLD_AT_ONCE):
            foretelling.foretell(opened, known[start : start + FORETOLD_AT_ONCE], now)
    retention.prune(opened, settings.retention, at_most=max(LEAST_PRUNED, 2 * len(names)))


def _sweep(
    chosen: Plan,
    opened: Database,
    asked: scanning.Asked,
    collected: _Collected,
    advance: Callable[[Record], None],
    *,
    wait: bool,
) -> scanning.Swept:
    def take(record: Record) -> None:
        collected.take(record)
        advance(record)

    async def sweep() -> scanning.Swept:
        stop = asyncio.Event()
        with ending.signals(stop):
            return await scanning.run(chosen, opened, " ".join(asked.words), take, stop, wait=wait)

    return transport.run(sweep())


class _Collected:
    """What is kept of each record until the report: a row, and the document where one is printed."""

    def __init__(self, format_: Format, *, full: bool) -> None:
        self.rows: list[scan.Row] = []
        self.documents: list[dict[str, Any]] = []
        self._format = format_
        self._full = full

    def take(self, record: Record) -> None:
        self.rows.append(scan.row(record))
        if self._format is Format.TABLE:
            return
        document = documents.record(record, full=self._full)
        if self._format is Format.NDJSON:
            data.write_ndjson([document])
        else:
            self.documents.append(document)


def _print(collected: _Collected, swept: scanning.Swept, format_: Format, *, quiet: bool) -> None:
    if format_ is Format.JSON:
        data.write_json(documents.sweep(swept.id, swept.started_at, swept.finished_at, collected.documents))
    elif format_ is Format.CSV:
        data.write_csv(CSV_COLUMNS, map(documents.flat, collected.documents))
    elif format_ is Format.TABLE and not (
        quiet and exits.of(row.severity for row in collected.rows) == exits.FINE
    ):
        console = terminal.out()
        seconds = (swept.finished_at or swept.started_at) - swept.started_at
        for part in scan.table(collected.rows, console, seconds, quiet=quiet).renderables:
            console.print(part, crop=False)


def _warn_of_missed(opened: Database) -> None:
    """Say, also under --quiet, what the nights before left undone: nobody else would notice."""
    now = time.time()
    store.mark_interrupted(opened)
    missed = missed_night(opened, now)
    every = [host for host in store.hosts(opened) if host.answered_at is not None]
    forgotten = {host.name for host in silent(every, now, FORGOTTEN_DAYS)}
    unseen = [host.name for host in silent(every, now, UNSEEN_DAYS) if host.name not in forgotten]
    if missed:
        terminal.tell(missed)
    if unseen:
        names = plain(fold(unseen), 300)
        terminal.tell(
            f"not seen for {UNSEEN_DAYS} days or more: {names} (fleet hosts --unseen {UNSEEN_DAYS})"
        )


def _warn_of(swept: scanning.Swept, opened: Database) -> None:
    if swept.interrupted:
        terminal.tell(f"interrupted; {swept.hosts} hosts are listed, those that had finished are stored")
    if swept.trouble:
        terminal.tell(plain(swept.trouble, 600))
    for notice in opened.notices:
        terminal.tell(plain(notice, 600))


class _Bar:
    """The progress that is shown, if any."""

    def __init__(self, progress: Progress | None = None, total: int = 0) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=total) if progress else None

    def advance(self, record: Record) -> None:
        """Count a host that has finished."""
        if self._progress and self._task is not None:
            self._progress.update(self._task, advance=1, description=plain(record.host, 30))

    def polite(self, ask: AskPassphrase | None) -> AskPassphrase | None:
        """Ask with the bar away, which would be drawn over the question."""
        progress = self._progress
        if ask is None or progress is None:
            return ask

        def asking(path: Path) -> str | None:
            progress.stop()
            try:
                return ask(path)
            finally:
                progress.start()

        return asking


@contextmanager
def _progress(total: int, *, shown: bool) -> Iterator[_Bar]:
    """A bar on standard error, where that is a terminal and there is something to wait for."""
    console: Console = terminal.err()
    if not (shown and console.is_terminal and sys.stderr.isatty()):
        yield _Bar()
        return
    columns = (
        TextColumn("asking"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        yield _Bar(bar, total)
