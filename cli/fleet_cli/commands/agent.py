"""fleet agent: the program that is sent to hosts."""

from __future__ import annotations

import typer

from fleet_cli.options import Config

app = typer.Typer(
    help="Show the program that is sent to hosts.",
    epilog="Example: fleet agent show | less",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("show", epilog="Example: fleet agent show | less")
def show(config: Config = None) -> None:
    """Print the exact program that hosts run.

    Nothing else is sent, and nothing of it is written there.
    """
    from fleet_cli import settings
    from fleet_cli.asking import rules_of
    from fleet_collector import bundle

    typer.echo(bundle.program(rules_of(settings.load(config))(()).request), nl=False)
