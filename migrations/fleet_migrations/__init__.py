"""The database's form and how it came about: alembic versions, applied under a lock.

``HEAD`` is the version this program works with. A database that is at it costs one query, and an empty one
gets today's tables at once: alembic, slow to load, works only where there is something to change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet_collector.errors import NoDatabase, StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

HEAD = "0001"
VERSION_TABLE = "fleet_version"

# PostgreSQL's advisory locks are numbers; this one is the eight letters "fleet-db".
LOCK = 0x666C6565742D6462

__all__ = ["HEAD", "LOCK", "VERSION_TABLE", "upgrade"]


def upgrade(engine: Engine, *, create: bool = True) -> bool:
    """Bring a database to ``HEAD``; return whether anything was to be done.

    Safe with several processes at once. Raises StoreError for a database of a newer fleet, and for one that
    holds somebody else's tables, NoDatabase for an empty one unless ``create``; errors of the driver pass
    through.
    """
    with engine.connect() as connection:
        if _version(connection) == HEAD:
            return False
    with engine.connect() as connection:
        _lock(connection)
        version = _version(connection)
        if version is None:
            _refuse_foreign(connection)
            if not create:
                raise NoDatabase(
                    f"the database {_shown(connection)} is empty; correct --db, or fill it with a scan"
                )
            _refuse_letters(connection)
            _create(connection)
        elif version != HEAD:
            _apply(connection)
        connection.commit()
    return version != HEAD


def _version(connection: Connection) -> str | None:
    """Return the version a database is at, None if it holds nothing of fleet's."""
    from sqlalchemy import inspect

    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()  # noqa: S608
    version = str(found) if found is not None else None
    if version is not None and version > HEAD:
        raise StoreError(
            f"the database {_shown(connection)} was made by a newer fleet (its form is {version}, "
            f"this one knows {HEAD}); update fleet, or name another database with --db"
        )
    return version


def _refuse_foreign(connection: Connection) -> None:
    """Refuse a database of another program.

    To be asked under the lock alone: outside it, tables that another fleet is making just now look foreign.
    """
    from sqlalchemy import inspect

    inspector = inspect(connection)
    if not inspector.has_table(VERSION_TABLE) and inspector.get_table_names():
        raise StoreError(
            f"the database {_shown(connection)} holds tables of another program; "
            "give fleet one of its own with --db"
        )


def _refuse_letters(connection: Connection) -> None:
    """Refuse a database that cannot hold what hosts say: names of files and processes may have any letter."""
    if connection.dialect.name != "postgresql":
        return
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        raise StoreError(
            f"the database {_shown(connection)} cannot hold every letter (its encoding is {encoding}); "
            "make one that can: createdb --encoding UTF8 --template template0 NAME"
        )


def _shown(connection: Connection) -> str:
    return connection.engine.url.render_as_string(hide_password=True)


def _lock(connection: Connection) -> None:
    """Begin a transaction in which nobody else upgrades; it ends with the connection."""
    if connection.dialect.name == "sqlite":
        connection.execution_options(sqlite_begin="BEGIN EXCLUSIVE")
        connection.begin()
    else:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (LOCK,))


def _create(connection: Connection) -> None:
    """Make all tables of an empty database, as the versions would one after another."""
    from sqlalchemy import Column, MetaData, String, Table, insert

    from fleet_collector.tables import METADATA

    METADATA.create_all(connection)
    version = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32), primary_key=True))
    version.create(connection, checkfirst=True)  # it is there, empty, after a downgrade
    connection.execute(insert(version).values(version_num=HEAD))


def _apply(connection: Connection) -> None:
    """Run the versions that a database lacks."""
    from pathlib import Path

    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
