"""The living connection: opens the database, upgrades it, and is the one door for the driver's errors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from fleet_collector.errors import NoDatabase, SettingsError, StoreError
from fleet_collector.store.trouble import sentence

BUSY_SECONDS = 30.0
CONNECT_SECONDS = 10

# Runs for each new connection; WAL stays with the file, the others do not.
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -32000",
)


class Database:
    """An open database; ``reading`` and ``writing`` lend a connection in a transaction of its own.

    Every error of SQLAlchemy and the driver leaves it as StoreError, in a sentence that says what to do.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.shown = _shown(engine.url)
        self.notices: list[str] = []  # what a person should hear of opening it
        self.is_sqlite = engine.dialect.name == "sqlite"

    @property
    def path(self) -> Path | None:
        """The file of an SQLite database."""
        return Path(self.engine.url.database or "") if self.is_sqlite else None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection that sees one state of the database."""
        with self.door(), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Lend a connection whose work is committed at the end, or not at all."""
        with self.door(), self.engine.connect() as connection:
            connection.execution_options(sqlite_begin="BEGIN IMMEDIATE")
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Give up all connections."""
        with self.door():
            self.engine.dispose()

    @contextmanager
    def door(self) -> Iterator[None]:
        """Let errors of the driver out as StoreError."""
        try:
            yield
        except DBAPIError as error:
            raise StoreError(sentence(self.shown, error.orig or error)) from error
        except (SQLAlchemyError, self.engine.dialect.loaded_dbapi.Error, OSError) as error:
            raise StoreError(sentence(self.shown, error)) from error

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_database(address: str, *, create: bool) -> Database:
    """Open a database by URL (``sqlite:////path``, ``postgresql://user@host/name``) or SQLite file name.

    Brings the tables to this program's form; with ``create`` makes what is not there, the file and its
    directory readable by the owner alone. Raises StoreError, NoDatabase, and SettingsError for an address
    that is none.
    """
    from fleet_migrations import upgrade

    url = _url(address)
    if url.drivername.startswith("sqlite"):
        _find(Path(url.database or ""), create=create)
        engine = _sqlite(url)
    else:
        engine = _postgresql(url)
    database = Database(engine)
    try:
        with database.door():
            upgrade(engine, create=create)
    except BaseException:
        engine.dispose()
        raise
    return database


def _url(address: str) -> URL:
    try:
        url = make_url(address) if "://" in address else URL.create("sqlite", database=address)
    except ArgumentError as error:
        raise SettingsError(f"{address[:200]!r} is not the address of a database; {_FORMS}") from error
    kind = url.drivername.partition("+")[0]
    if kind == "sqlite":
        if not url.database or url.database == ":memory:":
            raise SettingsError(f"a database in memory keeps nothing; {_FORMS}")
        return url.set(drivername="sqlite")
    if kind in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise SettingsError(f"{kind[:40]!r} is not a kind of database that fleet knows; {_FORMS}")


_FORMS = "write sqlite:////path/to/fleet.db or postgresql://user@host/name"


def _shown(url: URL) -> str:
    if url.drivername == "sqlite":
        return url.database or ""
    return url.set(drivername="postgresql").render_as_string(hide_password=True)


def _find(path: Path, *, create: bool) -> None:
    """Make sure that the file is there.

    It is not opened: closing a file of SQLite's drops all its locks of this process.
    """
    try:
        if path.is_dir():
            raise StoreError(f"the database {path} is a directory; name a file in it")
        if create:
            _create(path)
        elif not path.exists():
            raise NoDatabase(f"there is no database {path}; correct --db, or make it with a scan")
    except OSError as error:
        what = "created" if create else "opened"
        raise StoreError(
            f"the database {path} cannot be {what}: {error.strerror}; name another one with --db"
        ) from error


def _create(path: Path) -> None:
    """Create the file, if it is new, for its owner alone: command lines of processes will stand in it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # The driver's own habit is to begin late and without a lock; "begin" below does it instead.
        connection.isolation_level = None
        if connection.execute("PRAGMA page_count").fetchone() == (0,):
            # Must come before the first table; on a file that has some it would wait for the write lock.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL").close()
        for pragma in _PRAGMAS:
            connection.execute(pragma).close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))

    return engine


def _postgresql(url: URL) -> Engine:
    options = {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "fleet",
        # A server that vanishes is noticed in half a minute, not in the quarter of an hour that TCP takes.
        "tcp_user_timeout": int(BUSY_SECONDS * 1000),
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 4,
        "options": f"-c lock_timeout={int(BUSY_SECONDS)}s",
    }
    try:
        return create_engine(url, pool_pre_ping=True, connect_args=options)
    except (ImportError, NoSuchModuleError) as error:
        raise StoreError("PostgreSQL needs a driver: pip install 'fleet-triage[postgres]'") from error
