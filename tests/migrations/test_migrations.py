from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

import fleet_migrations
from fleet_collector import store
from fleet_collector.errors import StoreError
from fleet_collector.tables import METADATA
from tests import postgres
from tests.collector.store.records import child, finish


def config(connection: Connection | None = None) -> Config:
    made = Config()
    made.set_main_option("script_location", str(Path(fleet_migrations.__file__).parent))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def form(connection: Connection) -> dict[str, Any]:
    """The whole form of a database, as far as it can be asked for."""
    inspector = inspect(connection)
    return {
        table: {
            "columns": [{**column, "type": repr(column["type"])} for column in inspector.get_columns(table)],
            "key": inspector.get_pk_constraint(table),
            "indexes": sorted(
                {**index, "dialect_options": {k: str(v) for k, v in index["dialect_options"].items()}}.items()
                for index in inspector.get_indexes(table)
            ),
            "unique": sorted(inspector.get_unique_constraints(table), key=repr),
            "foreign": sorted(inspector.get_foreign_keys(table), key=repr),
            "options": inspector.get_table_options(table),
        }
        for table in inspector.get_table_names()
        if table != fleet_migrations.VERSION_TABLE
    }


def test_the_migrated_form_is_that_of_the_models(address: str) -> None:
    with store.connect(address) as database, database.engine.connect() as connection:
        created = form(connection)
        command.downgrade(config(connection), "base")
        fleet_migrations._apply(connection)
        options = {"compare_type": True, "version_table": fleet_migrations.VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, METADATA) == []
        assert form(connection) == created
        assert created.keys() == METADATA.tables.keys()
        connection.rollback()


def test_a_new_database_does_not_load_alembic(address: str) -> None:
    program = """
with store.connect(sys.argv[1]) as database:
    print(store.host_names(database), "alembic" in sys.modules)
"""
    assert finish([child(program, address)]) == ["[] False\n"]


def test_the_newest_version_is_the_one_the_program_knows() -> None:
    assert ScriptDirectory.from_config(config()).get_current_head() == fleet_migrations.HEAD


def test_all_versions_can_be_taken_back(address: str) -> None:
    with store.connect(address) as database:
        with database.writing() as connection:
            command.downgrade(config(connection), "base")
        with database.engine.connect() as connection:
            assert inspect(connection).get_table_names() == [fleet_migrations.VERSION_TABLE]
        assert fleet_migrations.upgrade(database.engine)
        assert not fleet_migrations.upgrade(database.engine)


def test_several_processes_upgrade_at_once(address: str) -> None:
    program = """
print("ready", flush=True); sys.stdin.readline()
with store.connect(sys.argv[1]) as database:
    print(store.host_names(database))
"""
    children = [child(program, address) for _ in range(4)]
    for process in children:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in children:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert finish(children) == ["[]\n"] * 4


def test_an_upgrade_that_fails_leaves_nothing(address: str) -> None:
    """DDL is part of the transaction on both engines."""
    with store.connect(address) as database:
        with database.writing() as connection:
            command.downgrade(config(connection), "base")
        with database.engine.connect() as connection:
            connection.execution_options(sqlite_begin="BEGIN EXCLUSIVE")
            with connection.begin():
                fleet_migrations._apply(connection)
                connection.get_transaction().rollback()  # type: ignore[union-attr]
        with database.engine.connect() as connection:
            assert inspect(connection).get_table_names() == [fleet_migrations.VERSION_TABLE]


@pytest.mark.full
@pytest.mark.skipif(not postgres.AVAILABLE, reason=postgres.WHY_NOT)
def test_a_database_that_cannot_hold_every_letter_is_refused(postgres_server: postgres.Cluster) -> None:
    with postgres_server.database() as url:
        name = url.rpartition("/")[2].partition("?")[0]
        with psycopg.connect(postgres_server.url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name}".encode())
            made = f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
            connection.execute(made.encode())
        with pytest.raises(StoreError, match="its encoding is LATIN1"):
            store.connect(url)
