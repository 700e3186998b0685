"""fleet scan: ask every host the ten questions."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fleet_cli.options import AsFormat, Config, Database, ExitZero, Format, Hosts, Limit, Quiet

EXAMPLE = "Example: fleet scan hosts.txt 'db[1-3]' --limit web; at night: fleet scan hosts.txt --quiet"


class HostKeys(StrEnum):
    """What is done about a host key that is not known; a changed one is always refused."""

    STRICT = "strict"
    ACCEPT_NEW = "accept-new"


User = Annotated[
    str | None, typer.Option("--user", "-u", metavar="NAME", help="Login name where none is given.")
]
Port = Annotated[
    int | None, typer.Option("--port", "-p", metavar="N", min=1, max=65535, help="Port where none is given.")
]
Identity = Annotated[
    Path | None, typer.Option("--identity", "-i", metavar="FILE", help="Private key to log in with.")
]
Jump = Annotated[
    str | None, typer.Option("--jump", "-J", metavar="BASTION", help="Go through [user@]host[:port].")
]
SshConfig = Annotated[
    Path | None, typer.Option("--ssh-config", "-F", metavar="FILE", help="In place of ~/.ssh/config.")
]
KeyPolicy = Annotated[HostKeys | None, typer.Option("--host-keys", help="What to do with unknown host keys.")]
Concurrency = Annotated[
    int | None, typer.Option("--concurrency", "-c", metavar="N", min=1, help="Hosts asked at once.")
]
Processes = Annotated[
    int | None,
    typer.Option(
        "--processes",
        metavar="N",
        min=1,
        max=64,
        help="Cores to use; as many as the hosts are worth without.",
    ),
]
Timeout = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", min=1, help="Seconds a host may take in all.")
]
Local = Annotated[bool, typer.Option("--local", help="Ask this machine, without SSH; HOSTS can name it.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for another sweep of the same hosts, not refuse.")]


def command(
    hosts: Hosts = None,
    limit: Limit = None,
    local: Local = False,
    user: User = None,
    port: Port = None,
    identity: Identity = None,
    jump: Jump = None,
    ssh_config: SshConfig = None,
    host_keys: KeyPolicy = None,
    concurrency: Concurrency = None,
    processes: Processes = None,
    timeout: Timeout = None,
    wait: Wait = False,
    full: Annotated[bool, typer.Option("--full", help="Put whole snapshots into the JSON.")] = False,
    format_: AsFormat = Format.TABLE,
    quiet: Quiet = False,
    exit_zero: ExitZero = False,
    db: Database = None,
    config: Config = None,
) -> None:
    """Ask every host the ten questions at once.

    The answers are judged, kept as history, and summed up in a table: what is wrong comes first.
    """
    from fleet_cli import scanning, settings
    from fleet_cli.reporting import report

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
        processes=processes,
        timeout_seconds=timeout,
    )
    code = report(asked, settings.load(config), db, format_=format_, full=full, quiet=quiet, wait=wait)
    raise typer.Exit(0 if exit_zero and code < 64 else code)
