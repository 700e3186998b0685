"""Fixtures of real databases: each test gets an empty one, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_collector import store
from tests import postgres

FULL = [pytest.mark.full, pytest.mark.skipif(not postgres.AVAILABLE, reason=postgres.WHY_NOT)]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Cluster]:
    with postgres.cluster() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=FULL)])
def address(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a database that is not there yet (SQLite) or empty (PostgreSQL)."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    if request.param == "sqlite":
        yield str(tmp_path / "fleet.db")
        return
    with request.getfixturevalue("postgres_server").database() as url:
        yield url


@pytest.fixture
def database(address: str) -> Iterator[store.Database]:
    with store.connect(address) as opened:
        yield opened


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[store.Database]:
    """An SQLite database, for what only concerns its file."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with store.connect(str(tmp_path / "fleet.db")) as opened:
        yield opened
