"""Which database: --db or FLEET_DB, then fleet.toml, then one SQLite file of the user's."""

from __future__ import annotations

import platformdirs
import typer

from fleet_cli.settings import Settings
from fleet_collector import store


def address(option: str | None, settings: Settings) -> str:
    """The URL or the file of the database in force."""
    return option or settings.database or str(platformdirs.user_data_path("fleet") / "fleet.db")


def connect(option: str | None, settings: Settings) -> store.Database:
    """Open the database and tell a person what happened to results that had waited; raises StoreError."""
    database = store.connect(address(option, settings))
    for notice in database.notices:
        typer.echo(f"fleet: {notice}", err=True)
    database.notices.clear()  # a command that ends by telling what came later does not repeat them
    return database
