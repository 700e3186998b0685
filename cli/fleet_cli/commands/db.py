"""fleet db: the database itself."""

from __future__ import annotations

import typer

from fleet_cli.options import AsFormat, Config, Database, Format

app = typer.Typer(
    help="Look after the database.",
    epilog="Example: fleet db stats",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("upgrade", epilog="Example: fleet db upgrade --db postgresql://fleet@db/fleet")
def upgrade(db: Database = None, config: Config = None) -> None:
    """Bring the tables to this version's form.

    Every command does so by itself, under a lock.
    """
    from fleet_cli import database, settings

    with database.connect(db, settings.load(config), create=True) as opened:
        typer.echo(f"{opened.shown} is up to date")


@app.command("stats", epilog="Example: fleet db stats --format json")
def stats(format_: AsFormat = Format.TABLE, db: Database = None, config: Config = None) -> None:
    """Count what is stored and the room it takes."""
    import msgspec

    from fleet_cli import database, settings, when
    from fleet_cli.render import data
    from fleet_cli.render import db as rendering
    from fleet_collector import store

    with database.connect(db, settings.load(config)) as opened:
        found = store.stats(opened)
        shown = opened.shown
    row = {"database": shown, **msgspec.to_builtins(found), "bytes_per_sample": found.bytes_per_sample}
    row |= {name: row[name] and when.iso(row[name] / 1000) for name in ("oldest_at", "newest_at")}
    if format_ is Format.JSON:
        data.write_json({"schema": 1, **row})
    else:
        data.emit(format_, "stats", list(row), [row], rendering.table(shown, found))


@app.command("prune", epilog="Example: fleet db prune")
def prune(db: Database = None, config: Config = None) -> None:
    """Thin the history by age now.

    Kept are all scans of 14 days, then one a day for two years, or what [retention] of fleet.toml says.
    """
    from fleet_cli import database, settings
    from fleet_collector import retention

    chosen = settings.load(config)
    scans = samples = 0
    with database.connect(db, chosen) as opened:
        more = True
        while more:
            done = retention.prune(opened, chosen.retention)
            scans, samples, more = scans + done.thinned + done.expired, samples + done.samples, done.more
    typer.echo(f"{scans:,} scans thinned or removed, {samples:,} samples with them")
