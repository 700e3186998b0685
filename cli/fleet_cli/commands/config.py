"""fleet config: which settings are in force."""

from __future__ import annotations

import typer

from fleet_cli.options import Config

app = typer.Typer(
    help="Show the settings in force.",
    epilog="Example: fleet config show | less",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("show", epilog="Example: fleet config show | less")
def show(config: Config = None) -> None:
    """Print every setting in force.

    In the form of fleet.toml, defaults included.
    """
    import msgspec

    from fleet_cli import settings
    from fleet_cli.database import address

    chosen = settings.load(config)
    found = config or settings.found()
    typer.echo(f"# from {found}" if found else "# no fleet.toml found: these are the defaults")
    typer.echo(f"# database: {address(None, chosen)}")
    typer.echo(settings.as_toml(msgspec.to_builtins(chosen)), nl=False)
