"""fleet why: the few causes behind all the symptoms."""

from __future__ import annotations

import typer

from fleet_cli.options import AsFormat, At, Config, Database, ExitZero, Format, KnownHosts, Quiet

EXAMPLE = "Example: fleet why 'web[1-8]' --at 2026-11-01T02:30"


def command(
    hosts: KnownHosts = None,
    at: At = None,
    format_: AsFormat = Format.TABLE,
    quiet: Quiet = False,
    exit_zero: ExitZero = False,
    db: Database = None,
    config: Config = None,
) -> None:
    """Name the few causes behind all symptoms.

    They come from the last scan of each host, ranked, the same cause on many hosts as one.
    """
    from fleet_cli import asking, database, exits, known, settings, when
    from fleet_cli.render import data, documents, terminal, why
    from fleet_collector import archive
    from fleet_collector.causes.why import why as diagnose

    chosen = settings.load(config)
    with database.connect(db, chosen) as opened:
        names = known.names(opened, hosts)
        before = None if at is None else round(when.parse(at) * 1000) + 1
        cases = archive.cases(opened, asking.rules_of(chosen), names, before)
    diagnosis = diagnose(cases)
    if format_ is Format.TABLE:
        if diagnosis.causes or not quiet:
            terminal.out().print(why.page(diagnosis, cases, quiet=quiet), crop=False)
    elif format_ is Format.JSON:
        data.write_json(documents.diagnosis(diagnosis))
    else:
        data.emit(format_, "causes", documents.CAUSE_COLUMNS, documents.causes(diagnosis), "")
    if not exit_zero:
        raise typer.Exit(exits.of(cause.severity for cause in diagnosis.causes))
