"""Opening the database as every command does: at this program's form, with what was spooled brought in."""

from __future__ import annotations

from fleet_collector.store.database import Database, open_database
from fleet_collector.store.spool import bring_in


def connect(address: str, *, create: bool = True) -> Database:
    """Open a database by URL (``sqlite:////path``, ``postgresql://user@host/name``) or SQLite file name.

    It is upgraded, and completed with spooled results as needed; ``notices`` tells a person of the latter.
    One that is not there is made if ``create``, else refused with NoDatabase: who wants to read has mistyped
    its name. Raises StoreError with a sentence that says what to do.
    """
    database = open_database(address, create=create)
    bring_in(database)
    return database
