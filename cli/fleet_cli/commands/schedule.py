"""fleet schedule: a sweep every night."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from fleet_cli.options import Config, Database, Hosts

EXAMPLE = "Example: fleet schedule hosts.txt --at 02:10 --install"


class Scheduler(StrEnum):
    """What starts the sweep."""

    SYSTEMD = "systemd"
    CRON = "cron"


def command(
    hosts: Hosts = None,
    at: Annotated[str, typer.Option("--at", metavar="HH:MM", help="Local time of day.")] = "02:10",
    with_: Annotated[
        Scheduler | None, typer.Option("--with", help="What starts it; systemd where it runs, else cron.")
    ] = None,
    install: Annotated[bool, typer.Option("--install", help="Write it, rather than print it.")] = False,
    db: Database = None,
    config: Config = None,
) -> None:
    """Print or install a nightly scan.

    It is silent unless something is wrong.
    """
    import os
    import sys
    from pathlib import Path

    from fleet_cli import database, scheduling, settings
    from fleet_cli.render import terminal
    from fleet_collector import inventory

    words = hosts or []
    if "-" in words:
        raise typer.BadParameter("standard input is not there at night: name a file")
    inventory.read(words)  # a list that cannot be read is found out now, not at night
    chosen, found = settings.load(config), config or settings.found()
    # At night neither this directory nor this environment is there: all is named in full.
    line = [str(Path(sys.argv[0]).absolute()), "scan", *map(_absolute, words), "--quiet", "--wait"]
    if db or not (chosen.database and "://" in chosen.database):  # else the settings name it, in private
        line += ["--db", _absolute_database(database.address(db, chosen))]
    line += ["--config", str(found.absolute())] if found else []
    scheduler = with_ or (Scheduler.SYSTEMD if Path("/run/systemd/system").is_dir() else Scheduler.CRON)
    if scheduler is Scheduler.CRON:
        entry = scheduling.crontab_line(line, at)
        if install:
            scheduling.install_crontab(entry)
        typer.echo(entry)
        return
    units = scheduling.systemd_units(line, at)
    root = os.geteuid() == 0
    directory = Path("/etc/systemd/system") if root else Path("~/.config/systemd/user").expanduser()
    if install:
        scheduling.install_systemd(units, directory, user=not root)
        if not root and not scheduling.lingers():
            terminal.tell("it runs only while you are logged in; for the night: loginctl enable-linger")
    for name, text in units.items():
        typer.echo(f"# {directory / name}\n{text}")


def _absolute_database(address: str) -> str:
    from pathlib import Path

    return address if "://" in address else str(Path(address).absolute())


def _absolute(word: str) -> str:
    from pathlib import Path

    return str(Path(word).absolute()) if Path(word).is_file() else word
