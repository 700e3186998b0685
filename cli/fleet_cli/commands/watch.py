"""fleet watch: dense samples for the minutes of an incident."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet_cli.commands import scan
from fleet_cli.options import Config, Database, Hosts, Limit

EXAMPLE = "Example: fleet watch 'web[1-8]' --every 10s --for 5m"


def command(
    hosts: Hosts = None,
    every: Annotated[str, typer.Option("--every", metavar="TIME", help="From one look to the next.")] = "10s",
    for_: Annotated[str, typer.Option("--for", metavar="TIME", help="How long in all.")] = "5m",
    limit: Limit = None,
    local: scan.Local = False,
    user: scan.User = None,
    port: scan.Port = None,
    identity: scan.Identity = None,
    jump: scan.Jump = None,
    ssh_config: scan.SshConfig = None,
    host_keys: scan.KeyPolicy = None,
    concurrency: scan.Concurrency = None,
    timeout: scan.Timeout = None,
    db: Database = None,
    config: Config = None,
) -> None:
    """Scan again and again, print what changes.

    Every look is history like any other.
    """
    from fleet_cli import scanning, settings, watching, when

    asked = scanning.Asked(
        words=hosts or (),
        limit=limit,
        local=local,
        user=user,
        port=port,
        identity=identity,
        jump=jump,
        ssh_config=ssh_config,
        host_keys=host_keys,
        concurrency=concurrency,
        timeout_seconds=timeout,
    )
    raise typer.Exit(
        watching.watch(asked, settings.load(config), db, when.seconds(every), when.seconds(for_))
    )
