from __future__ import annotations

from tests.databases import address, database, postgres_server, sqlite

__all__ = ["address", "database", "postgres_server", "sqlite"]
