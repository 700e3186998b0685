"""fleet trends: what is creeping up anywhere."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet_cli.options import (
    AsFormat,
    Config,
    Database,
    ExitZero,
    Format,
    KnownHosts,
    Metrics,
    Quiet,
    Since,
    Until,
)
from fleet_collector.errors import UsageError

EXAMPLE = "Example: fleet trends --since 60d; fleet trends --explain web1 disk_used_bytes:/var"


def command(
    hosts: KnownHosts = None,
    metric: Metrics = None,
    since: Since = None,
    until: Until = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="HOST METRIC[:LABEL]: why one series is believed to rise, or not."),
    ] = False,
    format_: AsFormat = Format.TABLE,
    quiet: Quiet = False,
    exit_zero: ExitZero = False,
    db: Database = None,
    config: Config = None,
) -> None:
    """Show what is creeping up, first what breaks first.

    Logs, disks, memory, descriptors, TIME_WAIT: judged with their cycles, dated only where a limit is real.
    Looks at the last 60 days without --since.
    """
    from fleet_cli import database, exits, settings, surveying
    from fleet_cli.render import data, explanation, terminal, trends

    if explain and format_ is not Format.TABLE:
        raise UsageError(
            "--explain is for a person; for scripts: fleet history HOST --metric M --format json"
        )
    span = surveying.span(since, until)
    chosen = settings.load(config)
    with database.connect(db, chosen) as opened:
        if explain:
            one = surveying.one(opened, [*(hosts or ()), *(metric or ())], span)
            terminal.out().print(explanation.explanation(one))
            return
        found = surveying.survey(opened, hosts, metric, span, chosen)
        if format_ is not Format.TABLE:
            rows = trends.rows(found.survey, trends.reader(found.survey, span[1]))
            data.emit(format_, "trends", trends.COLUMNS, rows, "")
        elif found.survey.full or found.survey.rising or not quiet:
            terminal.out().print(trends.page(found.survey, found.hindsight, span, quiet=quiet))
        if until is None:
            surveying.keep(opened, found)
    if not exit_zero:
        raise typer.Exit(exits.of(one.severity for one in (*found.survey.full, *found.survey.rising)))
