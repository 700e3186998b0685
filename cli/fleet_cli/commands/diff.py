"""fleet diff: what changed since a host was well."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet_cli.options import AsFormat, Config, Database, Format, KnownHosts

EXAMPLE = "Example: fleet diff web1; fleet diff web1 --from 3d; fleet diff 'web[1-8]'"


def command(
    hosts: KnownHosts = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="WHEN", help="Compare with then; else when it was last well."),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="WHEN", help="Up to then; else the last scan.")
    ] = None,
    format_: AsFormat = Format.TABLE,
    db: Database = None,
    config: Config = None,
) -> None:
    """Show what changed since a host was well.

    For several hosts also what the sick ones share and the well ones do not.
    """
    from fleet_cli import database, known, settings, when
    from fleet_cli.render import data, diff, terminal
    from fleet_collector import comparison

    with database.connect(db, settings.load(config)) as opened:
        found = comparison.compare(
            opened,
            known.names(opened, hosts),
            since=None if from_ is None else round(when.parse(from_) * 1000),
            until=None if to is None else round(when.parse(to) * 1000),
        )
    data.emit(format_, "changes", diff.COLUMNS, diff.rows(found), diff.page(found))
    for gap in found.gaps:
        terminal.tell(gap)
