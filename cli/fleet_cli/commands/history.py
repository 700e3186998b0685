"""fleet history: numbers of a host over time."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet_cli import completion
from fleet_cli.options import AsFormat, Config, Database, Format, Metrics, Since, Until
from fleet_collector.errors import UsageError

EXAMPLE = (
    "Example: fleet history web1 --metric time_wait --since 30d; fleet history web1 -m disk_used_percent:/var"
)


def command(
    hosts: Annotated[
        list[str],
        typer.Argument(
            metavar="HOSTS...",
            help="Hosts that were scanned: names, ranges, patterns.",
            autocompletion=completion.hosts,
        ),
    ],
    metric: Metrics = None,
    since: Since = None,
    until: Until = None,
    plot: Annotated[bool, typer.Option("--plot", help="Draw it, with its trend and its limit.")] = False,
    changes: Annotated[
        bool, typer.Option("--changes", help="What changed from scan to scan, not numbers.")
    ] = False,
    format_: AsFormat = Format.TABLE,
    db: Database = None,
    config: Config = None,
) -> None:
    """Show numbers over time, with their trend.

    Without --metric the main ones at a glance; `fleet metrics` lists all.
    """
    from fleet_cli import database, histories, known, settings, when
    from fleet_cli.render import data, history, terminal

    if changes and (metric or plot):
        raise UsageError("--changes shows no numbers: leave out --metric and --plot")
    if plot and format_ is not Format.TABLE:
        raise UsageError("--plot is for a person: leave out --format")
    span = when.span(since, until)
    with database.connect(db, settings.load(config)) as opened:
        names = known.names(opened, hosts) or []
        if changes:
            found = histories.changes(opened, names, *span)
            data.emit(format_, "changes", history.CHANGE_COLUMNS, found, history.changes(found))
            return
        read = histories.read(opened, names, metric or [], *span)
    if format_ is Format.JSON:
        data.write_json(history.document(read))
    elif format_ is not Format.TABLE:
        data.emit(format_, "points", history.COLUMNS, history.points(read), "")
    else:
        terminal.out().print(history.plots(read) if plot else history.page(read, glance=not metric))
