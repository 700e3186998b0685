"""The program ``fleet``: the one list of commands, and the one place where faults become sentences."""

from __future__ import annotations

import errno
import io
import os
import sys

import typer

from fleet_cli import ending, exits
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

ABOUT = (
    "Find the cause of a server incident across a fleet, over plain SSH, with nothing installed on the hosts."
)

app = typer.Typer(
    name="fleet",
    epilog="Start with: fleet scan hosts.txt, then fleet why, fleet show HOST, fleet history HOST",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich's help costs as much CPU as all else of a start
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (scan, why, show, history, trends, diff, hosts, metrics, watch, schedule):
    app.command(command.__name__.rpartition(".")[2], epilog=command.EXAMPLE)(command.command)
for group in (agent, db, config):
    app.add_typer(group.app, name=group.__name__.rpartition(".")[2])


@app.callback(invoke_without_command=True, help=ABOUT)
def version(
    *, show_version: bool = typer.Option(False, "--version", help="Print the version and leave.")
) -> None:
    """Answer ``fleet --version``; every command passes here first."""
    if show_version:
        from importlib.metadata import version as of

        typer.echo(f"fleet {of('fleet-triage')}")
        raise typer.Exit


def run() -> None:
    """Run the command line and leave with one of ``exits``."""
    # NumPy would start a thread a core, at 0.1 s of CPU on two cores, for series that one judges as quickly.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _spell_what_the_terminal_can()
    ending.listen()
    try:
        code = app(standalone_mode=False) or exits.FINE
        sys.stdout.flush()
    except BrokenPipeError:
        code = _reader_has_gone()
    except SystemExit as left:
        if not isinstance(left.__context__, BrokenPipeError):
            raise
        code = _reader_has_gone()  # typer and rich both make a SystemExit of it
    except (Exception, KeyboardInterrupt, ending.Ended) as fault:
        code = _explain(fault)
    sys.exit(code)


def _spell_what_the_terminal_can() -> None:
    """In a locale such as ISO 8859-1 a letter that it lacks becomes a question mark, not a fault."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _reader_has_gone() -> int:
    """The reader of a pipe (head, less) has what it wanted: not a fault, and nobody is left to be told."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return exits.FINE


def _explain(fault: BaseException) -> int:
    """Say in one sentence what happened, and choose the exit code."""
    if isinstance(fault, typer.TyperException):
        fault.show()  # type: ignore[attr-defined]  # every one that a command line can raise has it
        return exits.USAGE
    if isinstance(fault, (KeyboardInterrupt, typer.Abort, ending.Ended)):
        _say("interrupted")
        return exits.INTERRUPTED
    if isinstance(fault, FleetError):
        _say(str(fault))
        return exits.USAGE if isinstance(fault, UsageError) else exits.FAULT
    if isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
        _say(f"what was to be written cannot be: {fault.strerror}")
        return exits.FAULT
    if os.environ.get("FLEET_DEBUG"):
        raise fault
    _say(f"a fault of fleet itself (FLEET_DEBUG=1 shows where): {type(fault).__name__}: {fault}")
    return exits.FAULT


def _say(message: str) -> None:
    from fleet_collector.wording import plain

    typer.echo(f"fleet: {plain(message, 2000)}", err=True)
