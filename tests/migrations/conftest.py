from __future__ import annotations

from tests.databases import address, postgres_server

__all__ = ["address", "postgres_server"]
