"""fleet show: one host, the ten steps."""

from __future__ import annotations

from fleet_cli.options import AsFormat, At, Config, Database, Format, Host

EXAMPLE = "Example: fleet show web1 --at 2026-11-01"


def command(
    host: Host,
    at: At = None,
    format_: AsFormat = Format.TABLE,
    db: Database = None,
    config: Config = None,
) -> None:
    """Show one host, the ten steps.

    What is wrong stands on top, each with the next command to type.
    """
    import time

    from fleet_cli import database, known, settings, when
    from fleet_cli.render import data, documents, show, terminal
    from fleet_collector import archive

    with database.connect(db, settings.load(config)) as opened:
        scan, last = known.last_scan(opened, host, None if at is None else when.parse(at))
        found = archive.record(opened, scan)
    if format_ is Format.TABLE:
        terminal.out().print(show.page(found, last, time.time()), crop=False)
    else:
        data.write_one(
            format_, {"schema": documents.SCHEMA, **documents.record(found, full=True)}, documents.flat
        )
