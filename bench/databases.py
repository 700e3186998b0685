"""The databases that benchmarks run on: SQLite, and PostgreSQL where this machine has one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests import postgres


def databases() -> list[tuple[str, AbstractContextManager[str]]]:
    """Name and address of each kind; the database is gone afterwards."""
    found: list[tuple[str, AbstractContextManager[str]]] = [("SQLite", _sqlite())]
    if postgres.AVAILABLE:
        found.append(("PostgreSQL", _postgresql()))
    return found


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as directory:
        yield str(Path(directory) / "fleet.db")


@contextmanager
def _postgresql() -> Iterator[str]:
    with postgres.cluster() as server, server.database() as url:
        yield url
