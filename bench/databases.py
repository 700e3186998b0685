"""The databases that benchmarks run on: SQLite, and PostgreSQL where this machine has one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from fleet_collector import store
from tests import postgres


class Address(NamedTuple):
    """Where a database is, and how to make it cold: nothing of it in memory, neither here nor at a server.

    A server of somebody else's (FLEET_TEST_POSTGRES) cannot be made cold.
    """

    url: str
    cool: Callable[[], None] | None


def databases() -> list[tuple[str, AbstractContextManager[Address]]]:
    """Name and address of each kind; the database is gone afterwards."""
    found: list[tuple[str, AbstractContextManager[Address]]] = [("SQLite", _sqlite())]
    if postgres.AVAILABLE:
        found.append(("PostgreSQL", _postgresql()))
    return found


def settle(database: store.Database) -> None:
    """Let PostgreSQL do what it does by itself within minutes: count rows, and note which are settled."""
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


@contextmanager
def _sqlite() -> Iterator[Address]:
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as directory:
        folder = Path(directory)
        yield Address(str(folder / "fleet.db"), lambda: _drop_from_memory(folder.iterdir()))


@contextmanager
def _postgresql() -> Iterator[Address]:
    with postgres.cluster() as server, server.database() as url:

        def cool() -> None:
            assert server.directory is not None
            server.stop()
            _drop_from_memory(server.directory.rglob("data/base/**/*"))
            server.start()

        yield Address(url, cool if server.directory else None)


def _drop_from_memory(paths: Iterable[Path]) -> None:
    """Take files out of the page cache (posix_fadvise(2)); what is not written yet must be written first."""
    for path in paths:
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
