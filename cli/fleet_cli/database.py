"""Which database: --db or FLEET_DB, then fleet.toml, then one SQLite file of the user's."""

from __future__ import annotations

import os

import platformdirs
import typer

from fleet_cli.settings import Settings
from fleet_collector import store
from fleet_collector.errors import NoDatabase, UsageError

NOTHING_SCANNED = "no host was scanned yet: fleet scan hosts.txt"


def address(option: str | None, settings: Settings) -> str:
    """The URL or the file of the database in force."""
    chosen = option or settings.database or str(platformdirs.user_data_path("fleet") / "fleet.db")
    return os.path.expanduser(chosen)  # noqa: PTH111 - Path's own raises


def connect(option: str | None, settings: Settings, *, create: bool = False) -> store.Database:
    """Open the database and tell a person what happened to results that had waited.

    Raises StoreError, and UsageError for one that is not there and is not to be made.
    """
    try:
        database = store.connect(address(option, settings), create=create)
    except NoDatabase:
        if option or settings.database:
            raise
        raise UsageError(NOTHING_SCANNED) from None
    for notice in database.notices:
        typer.echo(f"fleet: {notice}", err=True)
    database.notices.clear()  # a command that ends by telling what came later does not repeat them
    return database
