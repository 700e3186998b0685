"""The program ``fleet``: one place where commands are listed and where faults become sentences."""

from __future__ import annotations

import os
import sys

import typer

from fleet_cli import exits
from fleet_cli.commands import (
    agent,
    config,
    db,
    diff,
    history,
    hosts,
    metrics,
    scan,
    schedule,
    show,
    trends,
    watch,
    why,
)
from fleet_collector.errors import FleetError, UsageError

app = typer.Typer(
    name="fleet",
    help="Find the cause of a server incident across a fleet, over plain SSH, with nothing installed on the hosts.",
    epilog="Start with: fleet scan hosts.txt, then fleet why, fleet show HOST, fleet history HOST --metric time_wait",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (scan, why, show, history, trends, diff, hosts, metrics, watch, schedule):
    app.command(
        command.__name__.rpartition(".")[2], epilog=command.EXAMPLE, no_args_is_help=command.NEEDS_ARGUMENTS
    )(command.command)
app.add_typer(agent.app, name="agent")
app.add_typer(db.app, name="db")
app.add_typer(config.app, name="config")


@app.callback(invoke_without_command=True)
def version(
    *,
    show_version: bool = typer.Option(False, "--version", help="Print the version and leave.", is_eager=True),  # noqa: FBT003
) -> None:
    """Find the cause of a server incident across a fleet, over plain SSH, with nothing installed on the hosts."""
    if show_version:
        from importlib.metadata import version as of

        typer.echo(f"fleet {of('fleet-triage')}")
        raise typer.Exit


def run() -> None:
    """Run the command line; ends the process with one of ``exits``."""
    sys.exit(_run())


def _run() -> int:
    try:
        return app(standalone_mode=False) or exits.FINE
    except typer.TyperException as fault:
        fault.show()
        return exits.USAGE
    except (KeyboardInterrupt, typer.Abort):
        _say("interrupted")
        return exits.INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe (head, less) has gone: not a fault, and nothing more to say to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.FINE
    except UsageError as fault:
        _say(str(fault))
        return exits.USAGE
    except FleetError as fault:
        _say(str(fault))
        return exits.FAULT
    except Exception as fault:
        if os.environ.get("FLEET_DEBUG"):
            raise
        _say(
            f"a fault of fleet itself: {type(fault).__name__}: {fault}. FLEET_DEBUG=1 shows where; please report it"
        )
        return exits.FAULT


def _say(message: str) -> None:
    print(f"fleet: {message}", file=sys.stderr)  # noqa: T201
