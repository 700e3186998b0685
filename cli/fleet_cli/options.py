"""The options that commands share, each defined once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fleet_cli import completion


class Format(StrEnum):
    """How data is printed."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"


Hosts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="HOSTS",
        help="Files of hosts, names, or ranges like web[01-20]; - reads standard input.",
        show_default=False,
    ),
]
KnownHosts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="HOSTS",
        help="Hosts already scanned: names, ranges or files; all without it.",
        show_default=False,
        autocompletion=completion.hosts,
    ),
]
Host = Annotated[
    str,
    typer.Argument(
        metavar="HOST",
        help="A host that was scanned.",
        show_default=False,
        autocompletion=completion.hosts,
    ),
]
Limit = Annotated[
    str | None,
    typer.Option(
        "--limit", metavar="PATTERN", help="Only these of them: names, ranges, groups, !exclusions."
    ),
]
Database = Annotated[
    str | None,
    typer.Option(
        "--db", envvar="FLEET_DB", metavar="URL", help="The database: a file, sqlite:///… or postgresql://…"
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="FLEET_CONFIG",
        metavar="FILE",
        help="Settings; else ./fleet.toml, else the user's own.",
    ),
]
AsFormat = Annotated[Format, typer.Option("--format", "-o", help="How data is printed.")]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="Leave with 0 whatever was found.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only what is not fine; for cron.")]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        "-m",
        metavar="METRIC[:LABEL]",
        help="Only this; several with several -m.",
        autocompletion=completion.metrics,
    ),
]
At = Annotated[str | None, typer.Option("--at", metavar="WHEN", help="As it was then: 3d, 2026-11-01.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="WHEN", help="From: 12h, 30d, 2026-11-01 or a full ISO time.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="WHEN", help="Up to; forms as --since.")]
