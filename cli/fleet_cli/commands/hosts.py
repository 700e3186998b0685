"""fleet hosts: who is known, and who was not seen."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet_cli.options import AsFormat, Config, Database, Format, KnownHosts

EXAMPLE = "Example: fleet hosts --unseen 2"


def command(
    hosts: KnownHosts = None,
    unseen: Annotated[
        float | None,
        typer.Option("--unseen", metavar="DAYS", min=0, help="Only those silent for so long."),
    ] = None,
    format_: AsFormat = Format.TABLE,
    db: Database = None,
    config: Config = None,
) -> None:
    """List hosts: state, last answer, failures since.

    Says so, too, when the nightly sweep did not run.
    """
    import time

    from rich.text import Text

    from fleet_cli import database, known, settings
    from fleet_cli.render import data, terminal
    from fleet_cli.render import hosts as rendering
    from fleet_collector import store
    from fleet_collector.missed import missed_night, silent

    now = time.time()
    with database.connect(db, settings.load(config)) as opened:
        store.mark_interrupted(opened)
        every = store.hosts(opened, known.names(opened, hosts))
        missed = missed_night(opened, now)
    shown = every if unseen is None else silent(every, now, unseen)
    rows = [rendering.row(host) for host in shown]
    empty = "every host answered within that time" if every else database.NOTHING_SCANNED
    data.emit(
        format_, "hosts", rendering.COLUMNS, rows, rendering.table(shown, now) if shown else Text(empty)
    )
    if missed:
        terminal.tell(missed)
